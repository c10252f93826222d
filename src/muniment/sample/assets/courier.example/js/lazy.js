// Pictures below the fold get their address when they come near.
(function () {
  "use strict";
  function show(picture) {
    if (picture.dataset.srcset) { picture.srcset = picture.dataset.srcset; }
    picture.src = picture.dataset.src;
    picture.classList.remove("lazy");
  }
  var pictures = document.querySelectorAll("img.lazy");
  if (!("IntersectionObserver" in window)) {
    pictures.forEach(show);
    return;
  }
  var watch = new IntersectionObserver(function (seen) {
    seen.forEach(function (entry) {
      if (entry.isIntersecting) {
        show(entry.target);
        watch.unobserve(entry.target);
      }
    });
  }, { rootMargin: "600px" });
  pictures.forEach(function (picture) { watch.observe(picture); });
}());

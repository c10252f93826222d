// One step down the page: by most of a window. Says where it is now and whether there is more.
// Elements that scroll within the page are taken to their own end when the page itself is there.
async function (step) {
  const scroller = document.scrollingElement || document.documentElement;
  if (!scroller) return { top: 0, height: 0, more: false, inner: 0 };
  if (step === "start") {
    window.scrollTo({ top: 0, behavior: "instant" });
  } else {
    window.scrollBy({ top: Math.max(200, window.innerHeight * 0.8), behavior: "instant" });
  }
  // Two frames: observers of what is in sight have been called then.
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await Promise.race([drawn(), new Promise((done) => setTimeout(done, 500))]);
  const top = Math.round(scroller.scrollTop);
  const more = top + window.innerHeight < scroller.scrollHeight - 1;
  let inner = 0;
  if (!more) {
    for (const each of [...document.querySelectorAll("body *")].slice(0, 5000)) {
      if (inner >= 20) break;
      if (each.scrollHeight <= each.clientHeight + 50 || each.clientHeight < 150) continue;
      if (!/auto|scroll/.test(getComputedStyle(each).overflowY)) continue;
      each.scrollTop = each.scrollHeight;
      inner += 1;
    }
  }
  return { top, height: scroller.scrollHeight, more, inner };
}

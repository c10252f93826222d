// The size of the whole document in CSS pixels.
function () {
  const top = document.documentElement;
  const body = document.body;
  return {
    width: Math.max(top ? top.scrollWidth : 0, window.innerWidth),
    height: Math.max(top ? top.scrollHeight : 0, body ? body.scrollHeight : 0, window.innerHeight),
  };
}

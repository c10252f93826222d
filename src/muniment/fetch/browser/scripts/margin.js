// A page that shows a picture under a line of text. Called with pieces of base64, then with "show".
async function ({ what, text, height }) {
  globalThis.pieces ??= [];
  if (what === "piece") {
    const raw = atob(text);
    globalThis.pieces.push(Uint8Array.from(raw, (each) => each.charCodeAt(0)));
    return 0;
  }
  const line = document.createElement("div");
  line.textContent = text;
  line.style.cssText =
    `box-sizing:border-box;height:${height}px;padding:6px 10px;font:13px/18px monospace;color:#000;background:#fff;` +
    "border-bottom:1px solid #000;overflow:hidden;overflow-wrap:anywhere";
  const image = new Image();
  image.style.cssText = "display:block";
  image.src = URL.createObjectURL(new Blob(globalThis.pieces, { type: "image/png" }));
  document.documentElement.style.cssText = document.body.style.cssText = "margin:0;padding:0;background:#fff";
  document.body.replaceChildren(line, image);
  await image.decode();
  return image.naturalHeight;
}

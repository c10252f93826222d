// Start every video and sound of this document, muted, and say how each one does. Called again, it only looks.
function (most) {
  const all = [];
  const visit = (root) => {
    all.push(...root.querySelectorAll("video, audio"));
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) visit(each.shadowRoot);
  };
  visit(document);
  const known = (globalThis.startedMedia ??= new WeakSet());
  return all.slice(0, most).map((each) => {
    if (!known.has(each)) {
      known.add(each);
      each.muted = true;
      each.preload = "auto";
      each.play().catch(() => {});
    }
    const failed = each.error !== null || each.networkState === HTMLMediaElement.NETWORK_NO_SOURCE;
    const still = each.networkState === HTMLMediaElement.NETWORK_EMPTY;
    return {
      url: each.currentSrc || each.src,
      state: failed ? "failed" : each.ended ? "ended" : each.currentTime > 0.2 ? "plays" : still ? "empty" : "waits",
      seconds: Math.round(each.currentTime * 1000) / 1000,
    };
  });
}

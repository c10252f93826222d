// Ask for every picture that this document has in store: lazy ones, those kept in data attributes, and each candidate
// of every srcset. The document itself is changed only where an image is told not to be lazy.
function (most) {
  const asked = new Set();
  let lazy = 0;
  const all = [];
  const gather = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) gather(each.shadowRoot);
      if (/^(img|source|iframe|video|picture|div|a|figure|span)$/i.test(each.localName)) all.push(each);
      if (all.length > 20000) return;
    }
  };
  gather(document);
  const want = (text) => {
    try {
      const url = new URL(text, document.baseURI);
      if (/^https?:$/.test(url.protocol) && asked.size < most) asked.add(url.href);
    } catch {
      // Not a URL; nothing was promised by it.
    }
  };
  // HTML, "parse a srcset attribute": a URL runs to white space; a comma at its end belongs to the list.
  const candidates = (text) => {
    const found = /[\s,]*(\S+)([^,(]*(?:\([^)]*\)[^,(]*)*)(?:,|$)/y;
    while (found.lastIndex < text.length) {
      const at = found.lastIndex;
      const match = found.exec(text);
      if (!match) break;
      if (match[1].endsWith(",")) {
        found.lastIndex = at + text.slice(at).indexOf(match[1]) + match[1].length;
      }
      want(match[1].replace(/,+$/, ""));
    }
  };
  for (const each of all) {
    if (each.localName === "img" && each.srcset && each.getAttribute("src")) want(each.getAttribute("src"));
    if (each.getAttribute("loading") === "lazy") {
      each.loading = "eager";
      lazy += 1;
    }
    for (const { name, value } of each.attributes) {
      if (name === "srcset" || name === "imagesrcset" || /^data-.*srcset$/.test(name)) candidates(value);
      else if (/^data-(lazy-|original|full-?)?src$/.test(name) || name === "data-original" || name === "poster") {
        if (!/iframe|video/i.test(each.localName) || name === "poster") want(value);
      }
    }
  }
  // Held, so that no picture is given up before it came.
  globalThis.heldImages = [...asked].map((url) => {
    const image = new Image();
    image.src = url;
    return image;
  });
  return { lazy, asked: asked.size };
}

// Keep the rendered document as text, with the contents of open shadow roots, or its visible text; say how long it is.
// With a number, give that piece of it: the whole may be larger than one message.
function ({ what, at, size }) {
  if (what === "piece") {
    let next = Math.min(at + size, globalThis.keptText.length);
    if (/[\uD800-\uDBFF]/.test(globalThis.keptText.charAt(next - 1))) next += 1; // never half a letter
    return { text: globalThis.keptText.slice(at, next).toWellFormed(), next };
  }
  if (what === "text") {
    // innerText passes over shadow roots: what stands in them follows, host by host.
    const said = document.body ? [document.body.innerText] : [];
    const gather = (root) => {
      for (const each of root.querySelectorAll("*")) {
        if (!each.shadowRoot) continue;
        said.push(...[...each.shadowRoot.children].map((child) => child.innerText || "").filter(Boolean));
        gather(each.shadowRoot);
      }
    };
    gather(document);
    globalThis.keptText = said.join("\n\n");
  } else {
    const roots = [];
    const gather = (root) => {
      for (const each of root.querySelectorAll("*")) {
        if (each.shadowRoot) {
          roots.push(each.shadowRoot);
          gather(each.shadowRoot);
        }
      }
    };
    gather(document);
    const top = document.documentElement;
    const kind = document.doctype ? new XMLSerializer().serializeToString(document.doctype) + "\n" : "";
    const shell = top ? top.cloneNode(false).outerHTML : "";
    const end = shell.lastIndexOf("</");
    const inner = top ? top.getHTML({ shadowRoots: roots }) : "";
    globalThis.keptText = kind + (end < 0 ? shell : shell.slice(0, end) + inner + shell.slice(end));
  }
  return globalThis.keptText.length;
}

// The Lenna Courier, second edition: the page is put together here, of text that comes as JSON.
import { block, opening } from "./blocks.js";
import { begin } from "./live.js";
import { consent } from "./wall.js";

const API = "https://api.courier.example/v2";
const page = document.querySelector("#today");

// The number makes every address a new one, so that no cache between answers with an old text.
export async function text(path) {
  const answer = await fetch(`${API}/${path}${path.includes("?") ? "&" : "?"}_=${Date.now()}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

function lazily(place) {
  const watch = new IntersectionObserver(
    (seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        if (target.dataset.srcset) target.srcset = target.dataset.srcset;
        target.src = target.dataset.src;
      }
    },
    { rootMargin: "300px" },
  );
  for (const each of place.querySelectorAll("img[data-src]")) watch.observe(each);
}

function put(place, blocks) {
  const part = document.createDocumentFragment();
  part.append(...blocks.map(block));
  const added = [...part.children];
  place.append(part);
  added.forEach(lazily);
}

// A picture that does not come gives its words room. Errors of pictures do not bubble; they are caught on their way down.
page.addEventListener("error", ({ target }) => target.localName === "img" && target.classList.add("missing"), true);

// The second part comes when the reader is near the end of the first.
function whenNear(place, then) {
  const mark = document.createElement("i");
  place.append(mark);
  new IntersectionObserver(
    (seen, watch) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      watch.disconnect();
      mark.remove();
      then();
    },
    { rootMargin: "500px" },
  ).observe(mark);
}

async function rest(body) {
  put(body, (await text("stories/one-year?part=2")).blocks);
  const more = document.querySelector("#more");
  const related = await fetch(`${API}/related/one-year`);
  more.textContent = related.ok ? (await related.json()).title : "What else we have written about Orvesk cannot be shown at present.";
}

async function edition() {
  const worker = navigator.serviceWorker;
  await worker.register("/sw.js");
  if (!worker.controller) await new Promise((then) => worker.addEventListener("controllerchange", then, { once: true }));
  // This request is the worker's to answer; what it says of the edition it has asked for by itself.
  const corrections = await (await fetch("/bits/corrections.json")).json();
  const told = new Promise((then) => worker.addEventListener("message", then, { once: true }));
  worker.controller.postMessage("which edition?");
  const { data } = await told;
  document.querySelector("#edition").textContent = `${data.edition}. ${corrections.text}`;
}

const { head, blocks } = await text("stories/one-year?part=1");
page.replaceChildren(...opening(head));
const body = page.querySelector(".body");
lazily(page);
put(body, blocks.filter((each) => !each.waits));
edition().catch((failure) => console.warn(String(failure)));

await consent(API);
begin();
put(body, blocks.filter((each) => each.waits));
whenNear(body, () => rest(body));

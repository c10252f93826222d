// What the parts of a story look like.

export function make(markup) {
  const box = document.createElement("template");
  box.innerHTML = markup.trim();
  return box.content.firstElementChild;
}

const PICTURES = "https://pictures.courier.example/img";
const EMPTY = "data:image/gif;base64,R0lGODlhAQABAIAAAMzMzAAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";

function candidates(each) {
  return each.widths.map((width) => `${PICTURES}/${each.name}-${width}.jpg ${width}w`).join(", ");
}

function picture(each) {
  const size = `width="${each.size[0]}" height="${each.size[1]}" alt="${each.alt}"`;
  if (each.url) return `<img src="${EMPTY}" data-src="${each.url}" ${size}>`;
  const first = `${PICTURES}/${each.name}-${each.widths[0]}.jpg`;
  return `<img src="${EMPTY}" data-src="${first}" data-srcset="${candidates(each)}" sizes="(min-width: 62rem) 53rem, 100vw" ${size}>`;
}

function figure(each) {
  return `<figure class="${each.place || "inset"}">${picture(each)}<figcaption>${each.caption}</figcaption></figure>`;
}

const KINDS = {
  text: (each) => `<p>${each.html}</p>`,
  heading: (each) => `<h2>${each.html}</h2>`,
  picture: figure,
  pair: (each) => `<div class="pair">${each.pictures.map(figure).join("")}</div>`,
  post: (each) =>
    `<figure class="post"><iframe src="${each.url}" title="${each.title}" height="${each.height}" loading="lazy" allow="autoplay"></iframe>` +
    `<figcaption>${each.caption}</figcaption></figure>`,
  quote: (each) =>
    `<blockquote class="quoted" cite="${each.url}"><p>${each.html}</p>` +
    `<footer>${each.before} <a href="${each.url}">${each.outlet}</a>${each.after}</footer></blockquote>`,
  film: (each) =>
    `<figure class="wide"><video controls muted playsinline preload="metadata" width="1280" height="540" ` +
    `poster="${each.poster}" src="${each.url}#t=${each.from}"></video><figcaption>${each.caption}</figcaption></figure>`,
  sound: (each) =>
    `<figure class="sound"><audio controls preload="metadata" src="${each.url}"></audio>` +
    `<figcaption>${each.caption}</figcaption></figure>`,
  paper: (each) => `<p class="paper"><a href="${each.url}" type="application/pdf">${each.html}</a><span>${each.note}</span></p>`,
  folded: (each) => `<details><summary>${each.title}</summary><p>${each.html}</p>${each.pictures.map(figure).join("")}</details>`,
};

function lost(each) {
  const card = make(`<div class="lost"><p class="state">Looking for the post …</p></div>`);
  const state = card.querySelector(".state");
  fetch(each.url)
    .then((answer) => answer.json())
    .then(({ html }) => state.replaceWith(make(html)))
    .catch(() => {
      state.textContent = each.gone;
      card.append(make(`<blockquote><p>${each.note}</p></blockquote>`));
    });
  return card;
}

function hours(each) {
  const row = ({ at, what }) => `<li><b>${at}</b><span>${what}</span></li>`;
  const card = make(`<section class="hours"><h3>${each.title}</h3><ol>${each.rows.map(row).join("")}</ol><button>Show all</button></section>`);
  card.querySelector("button").addEventListener("click", async ({ currentTarget }) => {
    currentTarget.remove();
    const { text } = await import("./app.js");
    card.querySelector("ol").innerHTML = (await text(each.all)).rows.map(row).join("");
  });
  return card;
}

export function block(each) {
  if (each.kind === "lost") return lost(each);
  if (each.kind === "hours") return hours(each);
  return make(KINDS[each.kind](each));
}

export function opening(head) {
  const bar = make(`<header class="bar"><a class="name" href="/">THE LENNA COURIER</a>
    <nav aria-label="Sections">${head.sections.map((name, at) => `<a href="/section/${name.toLowerCase()}"${at ? "" : " aria-current"}>${name}</a>`).join("")}</nav>
    <p class="live"><span class="lights"></span><span class="readers"></span></p></header>`);
  const top = make(`<div class="opening"><header><p class="kicker">${head.kicker}</p><h1>${head.title}</h1>
    <p class="standfirst">${head.standfirst}</p>
    <div class="byline"><img src="${PICTURES}/byline-orel.webp" alt="" width="52" height="52"><p>${head.byline}<br>
    <time datetime="${head.updated}">${head.dates}</time></p></div></header>
    <figure><img src="${PICTURES}/${head.picture.name}-960.jpg" srcset="${candidates(head.picture)}" sizes="(min-width: 62rem) 42rem, 100vw"
    width="1440" height="900" alt="${head.picture.alt}"><figcaption>${head.picture.caption}</figcaption></figure></div>`);
  const main = make(`<main><article><div class="body"></div></article></main>`);
  const foot = make(`<footer class="foot"><h2>More from Orvesk</h2><p id="more">…</p><p id="edition"></p>
    <p>The Lenna, Orvesk, these people and these newspapers are invented. This page is the second edition of muniment’s sample article: everything on it was made for it.</p></footer>`);
  return [bar, top, main, foot];
}

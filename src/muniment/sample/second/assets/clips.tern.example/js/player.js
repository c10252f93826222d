// Plays MPEG-DASH (ISO/IEC 23009-1) by Media Source Extensions: the best representation, addressed by a template.

const seconds = (text) => {
  const [, hours = 0, minutes = 0, rest = 0] = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(text);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
};

async function description(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  const said = new DOMParser().parseFromString(await answer.text(), "application/xml").documentElement;
  const all = [...said.querySelectorAll("Representation")];
  const best = all.reduce((one, other) => (Number(other.getAttribute("bandwidth")) > Number(one.getAttribute("bandwidth")) ? other : one));
  const template = best.querySelector("SegmentTemplate") ?? best.parentElement.querySelector("SegmentTemplate");
  const told = (name) => Number(template.getAttribute(name));
  const number = Math.ceil((seconds(said.getAttribute("mediaPresentationDuration")) * told("timescale")) / told("duration") - 1e-6);
  const named = (name, at = 0) =>
    new URL(template.getAttribute(name).replace("$RepresentationID$", best.id).replace("$Number$", at), url);
  const parts = Array.from({ length: number }, (_, at) => named("media", at + told("startNumber")));
  const type = `${best.getAttribute("mimeType") ?? best.parentElement.getAttribute("mimeType")}; codecs="${best.getAttribute("codecs")}"`;
  return { type, parts: [named("initialization"), ...parts] };
}

async function play(video) {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((then) => source.addEventListener("sourceopen", then, { once: true }));
  const { type, parts } = await description(new URL(video.dataset.manifest, location));
  const buffer = source.addSourceBuffer(type);
  for (const each of parts) {
    const answer = await fetch(each);
    if (!answer.ok) throw new Error(`${each}: ${answer.status}`);
    const added = new Promise((then, fail) => {
      buffer.onupdateend = then;
      buffer.onerror = fail;
    });
    buffer.appendBuffer(await answer.arrayBuffer());
    await added;
  }
  source.endOfStream();
}

for (const video of document.querySelectorAll("video[data-manifest]")) {
  play(video).catch((failure) => video.replaceWith(`This video cannot be played: ${failure.message ?? "it is damaged"}`));
}

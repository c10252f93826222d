// Plays HLS (RFC 8216) with fragmented MP4 by Media Source Extensions: the best rendition, from its beginning to its end.

async function lines(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return (await answer.text()).split(/\r?\n/).filter(Boolean);
}

async function best(url) {
  const said = await lines(url);
  let found = { bandwidth: 0 };
  said.forEach((line, at) => {
    if (!line.startsWith("#EXT-X-STREAM-INF:")) return;
    const bandwidth = Number(/[:,]BANDWIDTH=(\d+)/.exec(line)[1]);
    if (bandwidth <= found.bandwidth) return;
    found = { bandwidth, codecs: /CODECS="([^"]+)"/.exec(line)[1], url: new URL(said[at + 1], url) };
  });
  return found;
}

async function pieces(url) {
  const said = await lines(url);
  const first = said.find((line) => line.startsWith("#EXT-X-MAP:"));
  return [/URI="([^"]+)"/.exec(first)[1], ...said.filter((line) => !line.startsWith("#"))].map((name) => new URL(name, url));
}

function appended(buffer, octets) {
  return new Promise((then, fail) => {
    buffer.addEventListener("updateend", then, { once: true });
    buffer.addEventListener("error", fail, { once: true });
    buffer.appendBuffer(octets);
  });
}

async function play(video) {
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((then) => source.addEventListener("sourceopen", then, { once: true }));
  const rendition = await best(new URL(video.dataset.playlist, location));
  const buffer = source.addSourceBuffer(`video/mp4; codecs="${rendition.codecs}"`);
  for (const each of await pieces(rendition.url)) {
    const answer = await fetch(each);
    if (!answer.ok) throw new Error(`${each}: ${answer.status}`);
    await appended(buffer, await answer.arrayBuffer());
  }
  source.endOfStream();
}

for (const video of document.querySelectorAll("video[data-playlist]")) {
  play(video).catch((failure) => video.replaceWith(`This video cannot be played: ${failure.message ?? "it is damaged"}`));
}

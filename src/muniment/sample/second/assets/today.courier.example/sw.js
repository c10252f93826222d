// Keeps the front of the paper at hand, and answers for what lies under /bits/.

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  if (new URL(event.request.url).pathname.startsWith("/bits/")) event.respondWith(fetch(event.request));
});

self.addEventListener("message", (event) => {
  const told = fetch("/edition.json", { cache: "no-store" })
    .then((answer) => answer.json())
    .then((edition) => event.source.postMessage(edition));
  event.waitUntil(told);
});

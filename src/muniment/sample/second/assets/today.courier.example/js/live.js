// What changes while the page is read: the lights in the hall, and how many read.

const LIVE = "live.courier.example";

export function begin() {
  const lights = document.querySelector(".lights");
  const readers = document.querySelector(".readers");
  new EventSource(`https://${LIVE}/ticker`).addEventListener("lights", ({ data }) => {
    lights.textContent = `${JSON.parse(data).lights.toLocaleString("en")} lights in the hall`;
  });
  const line = new WebSocket(`wss://${LIVE}/readers`);
  line.addEventListener("open", () => line.send(JSON.stringify({ story: "one-year" })));
  line.addEventListener("message", ({ data }) => {
    readers.textContent = `${JSON.parse(data).readers} people are reading this`;
  });
}

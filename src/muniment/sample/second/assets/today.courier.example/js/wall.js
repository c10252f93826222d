// Nobody else is let in before the reader has agreed.
import { make } from "./blocks.js";

async function tell(api, purposes) {
  const answer = await fetch(`${api}/consent`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Edition": "2" },
    body: JSON.stringify({ story: "one-year", purposes }),
  });
  const { receipt } = await answer.json();
  navigator.sendBeacon("https://count.audience.example/seen", JSON.stringify({ story: "one-year", receipt }));
}

export function consent(api) {
  const wall = make(`<div class="wall" role="dialog" aria-modal="true" aria-label="Privacy"><div>
    <h2>Before you read on</h2>
    <p>We and four partners use cookies and similar means to count our readers and to show posts and films that lie with
    others. Without your consent this story can be read only in part. You may change your mind at any time.</p>
    <button class="first">Accept and read on</button><button>Settings</button></div></div>`);
  const [accept, settings] = wall.querySelectorAll("button");
  settings.addEventListener("click", () => {
    settings.textContent = "There is one purpose: to read this story";
    settings.disabled = true;
  });
  document.body.classList.add("held");
  document.body.append(wall);
  return new Promise((then) => {
    accept.addEventListener("click", () => {
      wall.remove();
      document.body.classList.remove("held");
      tell(api, ["reading", "posts", "counting"]).catch((failure) => console.warn(String(failure)));
      then();
    });
  });
}

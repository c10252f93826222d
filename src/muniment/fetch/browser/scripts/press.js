// Press what a selector finds, where it can be seen and says what it must; never a link that leads away. Called again, it
// presses none a second time.
function (wanted) {
  const says = wanted.text ? new RegExp(wanted.text, "iu") : null;
  const pressed = (globalThis.pressedButtons ??= new WeakSet());
  let count = 0;
  for (const each of document.querySelectorAll(wanted.selector)) {
    if (count >= wanted.most) break;
    if (pressed.has(each) || !each.getClientRects().length) continue;
    if (says && !says.test((each.innerText || each.getAttribute("aria-label") || "").trim())) continue;
    const leads = each.closest("a[href]");
    if (leads && !/^(#|javascript:)/i.test(leads.getAttribute("href"))) continue;
    pressed.add(each);
    each.click();
    count += 1;
  }
  return count;
}

// Open what is folded away: <details>, and buttons that say "read more" or the like. Never a link that leads away, a
// control of a form, or anything that would send something.
function (most) {
  const says = new RegExp(
    "^\\W*(" +
      [
        "(read|show|see|view|load|continue|expand)( the)?( full| whole)?( reading| more| all| article| story| text)",
        "more( comments| replies)?",
        "(mehr|weiter|alles) ?(lesen|anzeigen|zeigen|laden)?",
        "weiterlesen",
        "(lire|voir|afficher|charger)( la suite| plus| tout)",
        "(leer|ver|mostrar|cargar)( m[aá]s| todo)",
        "(leggi|mostra|vedi|carica)( tutto| di più| altro)",
        "(ler|ver|mostrar|carregar) mais",
        "(lees|toon|meer) (meer|lezen|tonen)",
        "(czytaj|pokaż|zobacz|rozwiń) (więcej|dalej|całość)",
        "(читать|показать|подробнее|развернуть)( далее| дальше| больше| ещё| еще| полностью)?",
        "(читати|показати|докладніше|розгорнути)( далі| більше| ще| повністю)?",
        "(devamını|daha fazla)( oku| göster| gör)?",
        "(اقرأ|عرض|إقرأ|شاهد|قراءة)( المزيد| الكل)",
        "(קרא|הצג|קראו)( עוד| הכל)",
        "(阅读|展开|查看|顯示|显示|閱讀)(更多|全文|全部)",
        "(続きを読む|もっと見る|さらに表示)",
        "(더 보기|더보기|계속 읽기)",
        "(خواندن|نمایش)( ادامه| بیشتر)",
      ].join("|") +
      ")\\W*$",
    "iu",
  );
  let details = 0;
  const clicked = [];
  const pressed = (globalThis.pressedButtons ??= new WeakSet()); // called again, it presses none a second time
  const visit = (root) => {
    for (const each of root.querySelectorAll("details:not([open])")) {
      if (details >= most) break;
      each.open = true;
      details += 1;
    }
    for (const each of root.querySelectorAll("button, [role=button], a, [aria-expanded=false], summary ~ *")) {
      if (clicked.length >= most) return;
      const text = (each.innerText || each.getAttribute("aria-label") || "").trim();
      if (!text || text.length > 40 || !says.test(text) || each.closest("form")) continue;
      const leads = each.closest("a[href]");
      if (leads && !/^(#|javascript:)/i.test(leads.getAttribute("href"))) continue;
      if (each.getAttribute("aria-expanded") === "true" || !each.getClientRects().length || pressed.has(each)) continue;
      pressed.add(each);
      clicked.push(text);
      each.click();
    }
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) visit(each.shadowRoot);
  };
  visit(document);
  return { details, clicked };
}

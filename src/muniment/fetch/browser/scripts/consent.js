// Look for a wall that asks for consent: something laid over the page, or a document of its own in a frame, that speaks
// of cookies or privacy and has a button to accept or to refuse. With "press" as *what*, press the button *index*.
function ({ what, index }) {
  const word = (list) => new RegExp("(" + list.join("|") + ")", "iu");
  const speaks = word([
    "cookie", "consent", "privacy", "gdpr", "datenschutz", "einwilligung", "confidentialité", "vie privée",
    "traceurs", "privacidad", "privacidade", "riservatezza", "informativa", "prywatno", "ciasteczk", "приват",
    "конфіденц", "конфиденц", "куки", "файли cookie", "çerez", "gizlilik", "ملفات تعريف", "الخصوصية", "עוגיות",
    "פרטיות", "integritet", "kakor", "personvern", "informasjonskapsler", "evästee", "tietosuoja", "soukrom",
    "απόρρητο", "confidențial", "adatvéd", "süti", "隐私", "隱私", "クッキー", "プライバシー", "쿠키", "개인정보",
    "کوکی", "حریم خصوصی", "partners", "tracking", "werbung",
  ]);
  const rejects = word([
    "reject", "decline", "refuse", "deny", "disagree", "only (necessary|essential)", "(necessary|essential)( cookies)? only",
    "without accept", "no,? thanks", "ablehnen", "nur (notwendige|erforderliche|essenzielle)", "nicht zustimmen",
    "refuser", "sans accepter", "rechazar", "solo (necesarias|esenciales)", "rifiuta", "senza accettare", "rejeitar",
    "recusar", "weiger", "afwijzen", "odrzuć", "odmów", "nie zgadzam", "відхилити", "відмовити", "отклон", "отказ",
    "reddet", "رفض", "דחה", "דחייה", "avvisa", "neka", "avvis", "afvis", "hylkää", "kieltäydy", "odmítn", "απόρριψη",
    "respinge", "elutasít", "拒绝", "拒絕", "拒否", "거부", "نپذیر",
  ]);
  const accepts = word([
    "accept", "agree", "allow( all)?", "got it", "consent", "^ok(ay)?$", "i understand", "akzeptieren", "zustimmen", "annehmen",
    "einverstanden", "alle zulassen", "accepter", "j.accepte", "tout autoriser", "d.accord", "aceptar", "acepto",
    "permitir", "accetta", "consenti", "aceitar", "concordo", "accepteren", "akkoord", "toestaan", "akceptuj",
    "zgadzam", "zgoda", "прийняти", "погоджу", "дозволити", "принять", "соглас", "разреш", "kabul", "onayla",
    "موافق", "قبول", "أوافق", "מסכים", "אישור", "קבל", "godkänn", "acceptera", "godta", "aksepter", "accepter alle",
    "hyväksy", "přijmout", "souhlas", "αποδοχή", "αποδέχομαι", "accept toate", "elfogad", "接受", "同意", "同意する",
    "동의", "수락", "می‌پذیرم", "پذیرش",
  ]);
  const settles = word(["setting", "manage", "options", "preferences", "einstellung", "paramétr", "configurar", "personal"]);
  const shown = (each) => {
    const box = each.getBoundingClientRect();
    const style = getComputedStyle(each);
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && Number(style.opacity) > 0.05;
  };
  const kind = (text) => {
    if (rejects.test(text)) return "reject";
    if (settles.test(text)) return "settings";
    return accepts.test(text) ? "accept" : "";
  };
  const reach = function* (root) {
    for (const each of root.querySelectorAll("*")) {
      yield each;
      if (each.shadowRoot) yield* reach(each.shadowRoot);
    }
  };
  const named = /consent|cookie|gdpr|cmp|privacy|didomi|onetrust|usercentrics|cybot|sp_message|qc-cmp|truste|klaro|borlabs/i;
  const lies = (each) => {
    if (each.matches("dialog[open], [role=dialog], [role=alertdialog], [aria-modal=true]")) return "dialog";
    if (/^(fixed|sticky)$/.test(getComputedStyle(each).position)) return "overlay";
    return named.test(each.id + " " + (each.getAttribute("class") || "")) ? "name" : "";
  };
  const text = (each) => (each.innerText || each.textContent || "").replace(/\s+/g, " ").trim();
  const label = (each) => (text(each) || each.value || each.getAttribute("aria-label") || each.title || "").trim();
  const buttonsOf = (place) =>
    [...reach(place)]
      .concat(place.shadowRoot ? [...reach(place.shadowRoot)] : [])
      .filter((each) => each.matches("button, [role=button], input[type=button], input[type=submit], a") && shown(each))
      .filter((each) => {
        const leads = each.matches("a[href]") && !/^(#|javascript:)/i.test(each.getAttribute("href"));
        return !leads && label(each).length < 80 && kind(label(each));
      });
  if (what === "press") {
    const wanted = globalThis.consentButtons?.[index];
    if (!wanted?.isConnected) return false;
    wanted.click();
    return true;
  }
  const framed = window !== window.top;
  let looked = 0;
  const places = framed && document.body ? [document.body] : [];
  for (const each of reach(document)) {
    if (++looked > 20000) break;
    if (each !== document.body && lies(each) && shown(each)) places.push(each);
  }
  for (const place of places) {
    const said = text(place) + (place.shadowRoot ? [...place.shadowRoot.children].map(text).join(" ") : "");
    const buttons = buttonsOf(place);
    if (!speaks.test(said) || !buttons.some((each) => /accept|reject/.test(kind(label(each))))) continue;
    if (said.length > 20000) continue; // an article about cookies, not a question
    globalThis.consentButtons = buttons.slice(0, 12);
    return {
      how: place === document.body ? "frame" : lies(place),
      text: said.slice(0, 1000),
      buttons: globalThis.consentButtons.map((each) => ({ text: label(each), means: kind(label(each)) })),
    };
  }
  return null;
}

"""What obstacles say of themselves, in the languages in which they were met; each line is an alternative.

Matched whatever the case, with ' for every apostrophe. Nothing in a line repeats without a bound.
"""

import re
from typing import Final

__all__ = [
    "ABSENT_SENTENCES",
    "ABSENT_TITLES",
    "LOGIN_SENTENCES",
    "PAYMENT_SENTENCES",
    "ROBOT_SENTENCES",
    "ROBOT_TITLES",
    "SCRIPT_SENTENCES",
    "is_title",
    "plain",
]

_SITE: Final = re.compile(r"\s+[|\u2013\u2014\u00b7:\u00ab\u00bb<>-]\s+")
_MOST: Final = 4
_PLAIN: Final = {0x2018: "'", 0x2019: "'", 0x2013: "-", 0x2014: "-"}


def _any(lines: str) -> re.Pattern[str]:
    return re.compile("|".join(filter(None, (each.strip() for each in lines.splitlines()))), re.IGNORECASE)


def plain(text: str) -> str:
    """Return *text*, character by character, with one kind of apostrophe and of dash."""
    return text.translate(_PLAIN)


def is_title(titles: re.Pattern[str], text: str) -> bool:
    """Whether *text* is one of *titles*, whole or less the name of the site, whatever ends it."""
    pieces = (text, *_SITE.split(text)[:_MOST])
    return any(titles.fullmatch(plain(each).strip(" .!?\u2026")) for each in pieces)


ROBOT_TITLES: Final = _any(r"""
    just a moment
    one moment,? please
    attention required
    checking your browser.{0,40}
    access denied
    access to this (?:page|site|website) has been (?:denied|blocked)
    pardon our interruption
    robot check
    client challenge
    are you (?:a |not a )?(?:robot|human)
    (?:human|bot|security|captcha) (?:verification|check|challenge)
    captcha
    (?:vercel )?security checkpoint
    ddos-guard
    (?:sorry, )?you have been blocked
    (?:please )?verify(?:ing)? (?:that )?you(?:'re| are) (?:a )?human.{0,40}
    making sure you're not a bot
    (?:nur )?einen moment(?:,? bitte)?
    sind sie ein (?:mensch|roboter)
    sicherheitsprüfung
    un instant
    un moment
    vérification de sécurité
    êtes-vous un (?:robot|humain)
    un momento
    un attimo
    um momento
    verificación de seguridad
    verifica di sicurezza
    проверка (?:браузера|безопасности)
    вы не робот
    安全验证
    人机验证
    bir dakika lütfen
    لحظة من فضلك
""")
# Not what the reader says of herself ("I'm not a robot"): that stands in the forms of comments.
ROBOT_SENTENCES: Final = _any(r"""
    (?:verify|confirm|prove|make sure|ensure) (?:that )?you(?:'re| are) (?:a human|human|not a (?:ro)?bot|a real person)
    unusual (?:traffic|activity) from your (?:computer )?(?:network|device)
    enable javascript and cookies to continue
    checking (?:if the site connection is secure|your browser before)
    press (?:&|and) hold to confirm
    please enable js and disable any ad ?blocker
    request unsuccessful\. incapsula
    complete the security check
    you don't have permission to access .{0,200} on this server
    bestätigen sie,? dass sie (?:ein mensch|kein roboter)
    dass sie kein roboter sind
    que vous (?:êtes humain|êtes un humain|n'êtes pas un robot)
    que (?:usted )?(?:eres|es) (?:un )?(?:humano|ser humano)
    que no (?:eres|es) un robot
    di non essere un robot
    che sei umano
    que você (?:não é um robô|é humano)
    что вы (?:не робот|человек)
    що ви (?:не робот|людина)
    robot olmad\u0131ğ\u0131n\u0131z\u0131
    insan olduğunuzu
    لست روبوت
    أنك إنسان
    验证您是真人
    请完成安全验证
    ロボットではないこと
""")
LOGIN_SENTENCES: Final = _any(r"""
    (?:log(?:ged)?[ -]?in|sign(?:ed)?[ -]?in|register|sign up) to (?:continue|view|see|read|access)
    (?:log[ -]?in|sign[ -]?in|register) or (?:register|sign up|log in) to (?:continue|view|see|read|access)
    (?:you (?:must|need to|have to)|please) (?:be logged in|log ?in|sign ?in)\b
    log in to (?:facebook|instagram|twitter|x|linkedin)\b
    (?:melden sie sich|melde dich)(?: bitte)? an\b
    (?:loggen sie sich|logge dich)(?: bitte)? ein\b
    (?:vous connecter|connectez-vous) (?:pour|à votre compte)
    identifiez-vous
    inicia(?:r)? sesión para
    accedi per (?:continuare|leggere|vedere)
    faça login para
    entre para continuar
    войдите,? чтобы
    увійдіть,? щоб
    请先?登录
    ログインしてください
    تسجيل الدخول ل
""")  # fmt: skip
PAYMENT_SENTENCES: Final = _any(r"""
    subscri(?:be|ption)[^.!?]{0,60} to (?:continue|keep|read|unlock|access|finish)
    (?:continue|keep) reading (?:with|by|for free with)
    (?:to|and) (?:continue|keep) reading[^.!?]{0,40}(?:subscri|register|log in|sign in|trial)
    to read the (?:full|rest of (?:the|this)) (?:article|story|piece)
    for (?:subscribers|members) only
    only (?:available )?(?:for|to) subscribers
    (?:article|story|content|post) is (?:reserved |exclusively )?for (?:our )?(?:paid |paying )?(?:subscribers|members)
    (?:article|story|content|post) is (?:only )?available to (?:our )?(?:paid |paying )?(?:subscribers|members)
    weiterlesen mit
    jetzt weiterlesen
    möchten sie weiterlesen
    um (?:weiterzulesen|den (?:ganzen |vollständigen )?artikel zu lesen)
    nur für abonnent
    ich bin (?:bereits )?abonnent
    sie (?:haben|sind) (?:bereits|schon) (?:ein abo|abonnent)
    exklusiv für (?:abonnent|digital|plus)
    diesen artikel (?:weiterlesen|freischalten)
    pour lire la suite
    lire la suite de (?:cet|l')
    réservé (?:à nos |aux )abonnés
    il vous reste \d{1,3} ?% de cet article
    suscríb(?:ete|ase) para
    para seguir leyendo
    exclusivo para (?:suscriptores|socios)
    abbonati per (?:continuare|leggere)
    riservato agli abbonati
    assine para
    exclusivo para assinantes
    доступен только подписчикам
    только для подписчиков
    lees verder met
    alleen voor abonnees
    endast för prenumeranter
    läs vidare med
    tylko dla prenumeratorów
""")  # fmt: skip
ABSENT_TITLES: Final = _any(r"""
    (?:error |fehler |erreur |errore |erro |http )?404(?: error| page)?(?: ?[-:.]? ?(?:page |file |error )?not found)?
    404[ .:-]{1,3}(?:seite nicht gefunden|page introuvable|página no encontrada|pagina non trovata)
    (?:page|file|article|story|content|post) not found
    not found
    (?:the |this )?(?:page|article|story|content|post|document) (?:was not|could not be) found
    (?:the )?page you (?:requested|are looking for) (?:was not|could not be) found
    (?:the |this )?(?:page|article|story|content|post|document) (?:does not|doesn't|no longer) exists?
    (?:the |this )?(?:page|article|story|content|post|document) (?:is no longer|is not|isn't) available(?: right now)?
    (?:the |this )?(?:page|article|story|content|post|document) has been (?:removed|deleted)
    (?:the |this )?(?:page|article|story|content|post|document) (?:can't|cannot) be found
    no longer available
    content unavailable
    page (?:unavailable|missing)
    oops!?(?: page not found)?
    (?:die )?(?:seite|artikel|beitrag|inhalt) (?:wurde )?nicht (?:gefunden|verfügbar|mehr verfügbar)
    (?:seite|datei) existiert nicht
    (?:la )?page (?:non trouvée|introuvable|n'existe (?:pas|plus))
    article introuvable
    contenu indisponible
    (?:la )?página no (?:encontrada|disponible|existe|se encuentra)
    contenido no disponible
    página não (?:encontrada|existe)
    pagina non trovata
    pagina niet gevonden
    sidan (?:hittades inte|finns inte)
    siden (?:blev |ble )?ikke (?:fundet|funnet)
    sivua ei löydy
    strona nie (?:istnieje|została znaleziona)
    nie znaleziono strony
    stránka (?:nenalezena|neexistuje)
    az oldal nem található
    pagina nu a fost găsită
    sayfa bulunamad\u0131
    страница не (?:найдена|существует)
    сторінку не знайдено
    الصفحة غير موجودة
    صفحه (?:مورد نظر )?یافت نشد
    页面(?:不存在|未找到)
    找不到(?:该)?页面
    ページが見つかりません(?:でした)?
    הדף לא נמצא
""")  # fmt: skip
ABSENT_SENTENCES: Final = _any(r"""
    (?:page|article|story|content|post|video|file|document) (?:was not|could not be) found
    (?:page|article|story|content|post|video|file|document) (?:does not|doesn't|no longer) exists?
    (?:page|article|story|content|post|video|file|document) (?:is no longer|is not|isn't) available
    (?:page|article|story|content|post|video|file|document) has been (?:removed|deleted|taken down)
    (?:page|article|story|content|post|video|file|document) (?:can't|cannot) be found
    (?:page|article|content)(?: that)? you(?:'re| are| were) looking for (?:was not|could not be|cannot be) found
    (?:page|article|content)(?: that)? you(?:'re| are| were) looking for (?:doesn't|does not|no longer) exists?
    (?:page|article|content)(?: that)? you(?: have)? requested (?:was not|could not be|can't be|cannot be) found
    (?:page|article|content)(?: that)? you(?: have)? requested (?:doesn't|does not|no longer) exists?
    404 not found
    (?:seite|artikel|beitrag|inhalt)[^.!?]{0,40} (?:nicht gefunden|existiert nicht|nicht mehr verfügbar)
    (?:seite|artikel|beitrag|inhalt) wurde (?:gelöscht|entfernt)
    (?:page|article|contenu)[^.!?]{0,40} (?:n'existe (?:pas|plus)|n'est plus disponible|est introuvable)
    (?:page|article|contenu) a été supprimé
    (?:página|artículo|contenido)[^.!?]{0,40} (?:no existe|ya no está disponible|no se encuentra)
    (?:página|artículo|contenido|publicación) ha sido eliminad[oa]
    (?:pagina|articolo|contenuto)[^.!?]{0,40} (?:non esiste|non è più disponibile)
""")  # fmt: skip
SCRIPT_SENTENCES: Final = _any(r"""
    (?:enable|activate|turn on|requires?|need)[^.!?]{0,40} javascript
    javascript (?:is )?(?:required|disabled|not enabled)
    javascript[^.!?]{0,40}(?:aktivieren|activer|activé|habilit|attiv|erforderlich|requis|zulassen)
    (?:aktivieren|activez|activer|habilite|active|abilita|ativar)[^.!?]{0,40}javascript
    включите javascript
""")

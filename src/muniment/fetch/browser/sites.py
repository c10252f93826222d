"""The few sites that hide what is evidence behind controls of their own: one small table; nothing else names a site.

Its selectors are tried on stand-ins that have the sites' markup, not on the sites, which change: where a control is not
found nothing is done, and the visit's deeds do not name it. What is pressed opens something; nothing is sent, followed
or agreed to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from muniment.fetch.browser.page import Page
from muniment.fetch.browser.world import Frame

__all__ = ["TABLE", "Control", "Site", "press"]

_SETTLES: Final = 2.0
_MOST: Final = 30


@dataclass(frozen=True, slots=True)
class Control:
    """Something to press: a CSS selector, the text that it must have (a regular expression, or empty), what it does."""

    selector: str
    does: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A site by the hosts at whose documents, or those below them, its controls are looked for, in their order."""

    name: str
    hosts: tuple[str, ...]
    controls: tuple[Control, ...]


TABLE: Final = (
    Site(
        "X",
        ("x.com", "twitter.com"),
        (
            Control("[data-testid=sheetDialog] [data-testid=app-bar-close]", "closes the invitation to join"),
            Control(
                "article [role=button], article button",
                "shows media that are held back as sensitive",
                r"^(show|view|anzeigen|afficher|voir|ver|mostrar|mostra|pokaż|показать|показати|عرض|表示)$",
            ),
            Control("[data-testid=tweet-text-show-more-link]:not([href])", "shows the whole text of a post"),
            Control(
                "[data-testid=cellInnerDiv] [role=button], [data-testid=cellInnerDiv] button",
                "shows more answers",
                r"^show (more replies|additional replies.*|probable spam)$",
            ),
        ),
    ),
    Site(
        "Telegram",
        ("t.me", "telegram.me"),
        (
            Control(".tgme_widget_message_text :is(tg-spoiler, .tg-spoiler)", "uncovers hidden words"),
            Control(".message_media_not_supported_wrap .message_media_view_in_telegram:not([href])", "shows media"),
            Control(".js-message_video_play, .tgme_widget_message_video_play", "starts a video"),
            Control(".js-messages_more", "shows earlier posts of the channel"),
        ),
    ),
    Site(
        "YouTube",
        ("youtube.com", "youtube-nocookie.com"),
        (
            Control("#description #expand, ytd-text-inline-expander #expand", "shows the whole description"),
            Control(".ytp-large-play-button", "starts the video"),
            Control("ytd-comment-thread-renderer #more-replies button", "shows answers to comments"),
        ),
    ),
)


def press(page: Page, frame: Frame) -> Iterator[tuple[str, str]]:
    """Press what the table knows of the site of *frame*; yield its name and what was done, in words."""
    host = (urlsplit(frame.url).hostname or "").rstrip(".")
    for site in TABLE:
        if not any(host == each or host.endswith(f".{each}") for each in site.hosts):
            continue
        for control in site.controls:
            wanted = {"selector": control.selector, "text": control.text, "most": _MOST}
            pressed = page.run("press.js", wanted, frame) if not page.stopped else 0
            if pressed:
                yield site.name, f"{control.does}: {control.selector}, {pressed} pressed"
                page.quiet(_SETTLES)

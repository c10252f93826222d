"""What was found in a payload: links, what could not be resolved, and what had to be left out."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from muniment.errors import FormatError
from muniment.extract.charset import printable
from muniment.message.url import MAX_URL, Url, join
from muniment.model import Role

__all__ = ["EXTRACTOR", "MAX_LINKS", "MAX_NAVIGATION", "Found", "Gathering", "Link", "LinkKind", "Unresolved", "encode"]

#: The extractor and its version, as every metadata record of links names it; raised when the same page gives others.
EXTRACTOR: Final = "muniment.links/1"
#: How many links of one payload are kept; the rest is counted.
MAX_LINKS: Final = 20_000
#: How many of them may be navigation, so that a page of menus leaves room for what an article rests on.
MAX_NAVIGATION: Final = 5_000
#: How many documents within a page (srcdoc, templates) are read.
MAX_INNER: Final = 2_000
_MAX_UNRESOLVED: Final = 1_000
_MAX_RAW: Final = 2_048
_EVERY: Final = 1_000

_CONTACT: Final = frozenset({"mailto", "tel", "sms"})
# These hold their content or their meaning in themselves: there is nothing behind them to fetch, or to miss.
_NOTHING_BEHIND: Final = _CONTACT | {"data", "javascript", "blob", "about", "cid", "chrome-extension"}
_SCHEME: Final = re.compile(r"[\x00-\x20]*([A-Za-z][A-Za-z0-9+.\-\t\r\n]*):")


class LinkKind(StrEnum):
    """Why a link matters: what the page is made of, what it embeds, what the article points to, or where one may go."""

    REQUISITE = "requisite"
    EMBED = "embed"
    CITATION = "citation"
    NAVIGATION = "navigation"
    FEED = "feed"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class Link:
    """One URL (absolute, normal form, no fragment), what it is to the page, and where it was found.

    ``source`` names the mechanism: ``img[srcset]``, ``css:url``, ``json-ld:VideoObject.contentUrl``. A requisite may
    have a scheme that is never fetched (``file:``, ``ftp:``), so that the attempt is refused on record.
    """

    url: str
    role: Role
    kind: LinkKind
    source: str


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that no browser could resolve, as it is written (at most 2,048 characters), and why."""

    raw: str
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that one payload refers to, in document order, each URL once per role.

    ``charset`` is the encoding that the payload was read in, ``charset_source`` what decided it, ``title`` the text
    of its title element (at most 4,096 characters, as written by the page: never to be shown unescaped), ``notes``
    sentences about what could not be read well, ``left_out`` the number of references to requisites, embeds and
    citations beyond the bounds. ``flat`` says that the page was read tag by tag, without telling its citations apart;
    ``unread`` names the bound at which reading ended before the page did.
    """

    links: tuple[Link, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    charset: str = ""
    charset_source: str = ""
    title: str = ""
    notes: tuple[str, ...] = ()
    left_out: int = 0
    flat: bool = False
    unread: str = ""


def encode(found: Found) -> dict[str, Any]:
    """Return *found* as the JSON object of a metadata record; its strings hold neither NUL nor lone surrogates."""
    return {
        "v": 1,
        "type": "links",
        "extractor": EXTRACTOR,
        "charset": found.charset,
        "charset_source": found.charset_source,
        "title": found.title,
        "links": [
            {"url": link.url, "role": link.role.value, "kind": link.kind.value, "source": link.source}
            for link in found.links
        ],
        "unresolved": [{"raw": one.raw, "source": one.source, "why": one.why} for one in found.unresolved],
        "notes": list(found.notes),
        "left_out": found.left_out,
    }


@dataclass(slots=True)
class Gathering:
    """Links as they are met: resolved against ``base``, kept once, bounded; ``remaining`` tells the seconds left."""

    page: str
    base: str
    remaining: Callable[[], float]
    links: dict[tuple[str, Role], Link] = field(default_factory=dict)
    unresolved: dict[tuple[str, str], Unresolved] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    met: set[tuple[str, Role, LinkKind]] = field(default_factory=set)
    asked: int = 0
    beyond: int = 0
    elsewhere: int = 0
    menus: int = 0
    inner: int = 0
    shorn: int = 0
    flat: bool = False
    unread: str = ""
    broken: int = 0
    broken_blocks: int = 0

    def has_time(self, grace: float = 0.0) -> bool:
        """Say whether to read on, *grace* seconds over time at most; where not, it is noted."""
        if self.remaining() <= -grace:
            self.unread = "max-time"
        return not self.unread

    def has_room_within(self) -> bool:
        """Count one more document within the page, and say whether to read it."""
        self.inner += 1
        return self.inner <= MAX_INNER

    def add(self, raw: str, role: Role, kind: LinkKind, source: str) -> None:
        """Keep what *raw* refers to; nothing where it is empty, a fragment of this page, or holds itself."""
        bare = raw.strip(" \t\r\n\f")
        if not bare or bare.startswith("#") or not self._is_news(bare, role, kind):
            return
        written = _SCHEME.match(bare[:64])
        scheme = re.sub(r"[\t\r\n]", "", written[1]).lower() if written else ""
        if scheme in _NOTHING_BEHIND and kind is not LinkKind.CONTACT:
            return
        # A full house is not looked through again for each of a million guests: what comes is counted as it is written.
        if self._is_full(kind):
            self._leave_out(kind)
        elif (url := self.resolved(bare, source)) is not None:
            self._keep(url, role, kind, source)

    def _is_news(self, bare: str, role: Role, kind: LinkKind) -> bool:
        """Say whether *bare* is worth resolving: there is time, and it did not stand here just so before."""
        self.asked += 1
        if self.asked % _EVERY == 0:
            self.has_time()
        if self.unread == "max-time":
            return False
        as_written = (bare, role, kind)
        if as_written in self.met:
            return False
        if len(self.met) < MAX_LINKS and len(bare) <= _MAX_RAW:
            self.met.add(as_written)
        return True

    def anchor(self, raw: str, role: Role, kind: LinkKind, source: str) -> None:
        """Keep what a reader may click: http links that lead elsewhere, and ways to reach somebody."""
        written = _SCHEME.match(raw.strip(" \t\r\n\f")[:64])
        if written and written[1].lower() in _CONTACT:
            self.add(raw, Role.OTHER, LinkKind.CONTACT, source)
        elif not written or written[1].lower().strip() in ("http", "https"):
            self.add(raw, role, kind, source)

    def resolved(self, bare: str, source: str) -> Url | None:
        """Return the URL that *bare* means here, or None after noting why it means none."""
        try:
            return join(self.base, bare)
        except FormatError as malformed:
            key = (printable(bare[:_MAX_RAW]), source)
            if key not in self.unresolved:
                if len(self.unresolved) < _MAX_UNRESOLVED:
                    why = f"expected {malformed.expected}, found {malformed.found}"
                    self.unresolved[key] = Unresolved(key[0], source, printable(why))
                else:
                    self.broken += 1
            return None

    def found(self, charset: str, charset_source: str, title: str) -> Found:
        """Return all that was gathered."""
        notes = list(self.notes)
        if self.beyond:
            notes.append(f"{self.beyond} references beyond the bound of {MAX_LINKS} links were left out")
        if self.menus:
            notes.append(f"{self.menus} references of menus, feeds or contacts beyond the bound of {MAX_NAVIGATION}")
        if self.shorn:
            notes.append(f"{self.shorn} tags have too many attributes; the last of them were not looked at")
        within = max(0, self.inner - MAX_INNER)
        if within:
            notes.append(f"{within} documents within the page beyond the bound of {MAX_INNER} were not read")
        if self.unread:
            notes.append(f"the page was not read to its end: {self.unread}")
        if self.broken:
            notes.append(f"{self.broken} more references could not be resolved")
        return Found(
            tuple(self.links.values()),
            tuple(self.unresolved.values()),
            charset,
            charset_source,
            title,
            tuple(notes),
            self.beyond + self.shorn + within,
            self.flat,
            self.unread,
        )

    def _keep(self, url: Url, role: Role, kind: LinkKind, source: str) -> None:
        key = (url.href, role)
        leads_elsewhere = kind in (LinkKind.NAVIGATION, LinkKind.CITATION)
        if key in self.links or len(url.href) > MAX_URL or (leads_elsewhere and url.href == self.page):
            return
        self.elsewhere += not _is_part(kind)
        self.links[key] = Link(url.href, role, kind, source)

    def _is_full(self, kind: LinkKind) -> bool:
        # What a page is made of has its own room: no number of menus or addresses may crowd it out.
        if _is_part(kind):
            return len(self.links) - self.elsewhere >= MAX_LINKS
        return self.elsewhere >= MAX_NAVIGATION

    def _leave_out(self, kind: LinkKind) -> None:
        if _is_part(kind) or kind is LinkKind.CITATION:
            self.beyond += 1
        else:
            self.menus += 1


def _is_part(kind: LinkKind) -> bool:
    return kind in (LinkKind.REQUISITE, LinkKind.EMBED)

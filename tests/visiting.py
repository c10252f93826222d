"""A visit to the second edition by a real browser whose only way is the tunnel, and what the decoder read of it."""

import contextlib
import datetime as dt
import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hostile
from browsing import program
from muniment.fetch.browser.artefacts import Studio
from muniment.fetch.browser.flags import Settings
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page
from muniment.fetch.decoding.decoder import Decoder
from muniment.fetch.decoding.telling import Heard, Told
from muniment.fetch.dial import Surroundings
from muniment.fetch.tunnel import Refusal, Tunnel
from muniment.message.entity import payload, stored_head
from muniment.rules import Limits, Rules
from muniment.sample import second
from muniment.sample.second import Served

EXPIRED = "attic.courier.example"


@dataclass(frozen=True, slots=True)
class Visit:
    """The page in its browser, and the site that it visits; ``told`` is filled when the visit is over."""

    site: second.Site
    page: Page
    studio: Studio
    refused: list[Refusal]
    told: list[Told]
    bodies: Path

    def photograph(self) -> io.BytesIO:
        """Return the whole page as a PNG."""
        plain = io.BytesIO()
        self.studio.screenshots(plain, io.BytesIO())
        return plain

    def heard(self) -> tuple[Heard, ...]:
        return tuple(each for each in self.told if isinstance(each, Heard))


@contextlib.contextmanager
def visit(folder: Path, *, patient: bool = True) -> Iterator[Visit]:
    """Serve the second edition and start a browser for it; where it is *patient*, the expired origin is let pass.

    After the block the browser is closed, and everything that crossed the tunnel has been read.
    """
    browser = program()  # skips before anything is begun
    own = folder / "own"
    own.mkdir()
    (folder / "reading").mkdir()
    told: list[Told] = []
    refused: list[Refusal] = []
    with contextlib.ExitStack() as held:
        site = held.enter_context(second.serve(folder / "site"))
        decoder = Decoder(folder / "reading", 1 << 30, told.append)
        held.callback(decoder.kill)
        rules = Rules(allow_net=("127.0.0.1/32",), resolve=site.resolve, dns=False, limits=Limits(delay=0, per_host=64))
        around = Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC))
        tunnel = Tunnel(rules, around, decoder.spool, refused.append, ends=time.monotonic() + 100)
        held.callback(tunnel.close)
        keys = tuple(key for host, key in site.keys.items() if patient or host != EXPIRED)
        settings = Settings(proxy=f"socks5://127.0.0.1:{tunnel.port}", allowed_keys=keys)
        with Browser(browser, own, decoder.keys, settings) as started:
            page = Page(started, ends=time.monotonic() + 90)
            yield Visit(site, page, Studio(started, page, around.now), refused, told, decoder.bodies)
        assert tunnel.drained(20)
        tunnel.close()
        decoder.finish(20)


def content(bodies: Path, heard: Heard) -> tuple[int, str, bytes]:
    """Return status, Content-Range and the body without transfer coding of what was *heard*."""
    with (bodies / heard.body).open("rb") as block:
        head = stored_head(block)
        return head.status, ", ".join(head.values("Content-Range")), b"".join(payload(block))


def unequal(bodies: Path, heard: Heard, served: Served) -> str:
    """Say how what was *heard* differs from what was *served*; empty where it does not.

    Where the server sent all and the client took all, every octet is due; else the beginning of them.
    """
    _status, _range, body = content(bodies, heard)
    due = served.size if served.whole and heard.whole else len(body)
    if heard.whole and not (served.whole or served.endless):
        return f"{served.url}: was not sent whole and was heard whole"
    if len(body) != due or hashlib.sha256(body).hexdigest() != served.sha256_of_first(due):
        return f"{served.url}: {len(body)} octets were heard, {served.size} were sent"
    return ""

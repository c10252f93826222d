"""Which way the browser's traffic goes, which peers it takes, and what is left when it is gone."""

import base64
import contextlib
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import hostile
from browsing import SCRIPT, Reply, Site, browser, look, pages, program
from hostile import Served, answer, routing
from muniment.errors import FetchError
from muniment.fetch.browser import key_log
from muniment.fetch.browser.find import Candidate
from muniment.fetch.browser.flags import NOT_WANTED, Settings
from muniment.fetch.browser.key_log import try_key_log
from muniment.fetch.browser.launch import Browser
from muniment.fetch.browser.page import Page
from muniment.fetch.browser.refusal import refusals
from muniment.model import Reason


class Canary:
    """Counts the datagrams and connections that reach an address where nothing may arrive."""

    def __init__(self, address: str) -> None:
        self.datagrams = self.connections = 0
        self._tcp = socket.create_server((address, 0))
        self.port = int(self._tcp.getsockname()[1])
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, self.port))
        for each in (self._take, self._hear):
            threading.Thread(target=each, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._tcp.accept()[0].close()
                self.connections += 1

    def _hear(self) -> None:
        with contextlib.suppress(OSError):
            while self._udp.recv(2048) != b"stop":
                self.datagrams += 1

    def close(self) -> None:
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"stop", self._udp.getsockname())


@pytest.fixture
def canaries() -> Iterator[tuple[Canary, Canary]]:
    made = Canary("127.0.0.1"), Canary("127.0.0.2")
    yield made
    for each in made:
        each.close()


PHONES = """<link rel=dns-prefetch href=//canary.example><link rel=preconnect href=http://127.0.0.2:OTHER>
<link rel=preconnect href=https://canary.example><img src=http://127.0.0.2:OTHER/image><img src=file:///etc/hostname>
<img src=http://2130706434:OTHER/number><img src="http://[::ffff:127.0.0.2]:OTHER/mapped">
<iframe src=http://127.0.0.2:OTHER/frame></iframe>
<script>
for (const url of ['http://127.0.0.2:OTHER/fetch', 'http://canary.example/fetch', 'https://canary.example:OWN/'])
  fetch(url).catch(() => 0);
new WebSocket('ws://127.0.0.2:OTHER/socket');
(async () => {
  const servers = ['stun:127.0.0.1:OWN', 'stun:127.0.0.2:OTHER', 'stun:canary.example:OWN',
    'turn:127.0.0.1:OWN?transport=udp'];
  const peer = new RTCPeerConnection({iceServers: servers.map(urls => ({urls, username: 'u', credential: 'c'}))});
  peer.createDataChannel('x');
  const found = [];
  const done = new Promise(over => {
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && over();
  });
  peer.onicecandidate = e => e.candidate && found.push(e.candidate.candidate);
  await peer.setLocalDescription(await peer.createOffer());
  await Promise.race([done, new Promise(late => setTimeout(late, 2000))]);
  try { await new WebTransport('https://127.0.0.1:OWN/').ready } catch {}
  await fetch('/over?' + found.filter(each => / udp /i.test(each)).length);
})();
</script>"""


def test_a_page_that_phones_canaries_reaches_none_of_them(tmp_path: Path, canaries: tuple[Canary, Canary]) -> None:
    own, other = canaries
    page = PHONES.replace("OWN", str(own.port)).replace("OTHER", str(other.port))
    with look(tmp_path, pages({"/": page})) as looked:
        looked.page.open(looked.site.url())
        over = looked.page.devtools.until(lambda: any(path.startswith("/over") for _, _, path in looked.site.asked), 15)
        looked.page.quiet()
        assert over
        assert (own.datagrams, other.datagrams, other.connections) == (0, 0, 0)
        refused = {(each.host, each.reason) for each in looked.way.refused}
        failed = {each.url for each in looked.page.ledger.all() if each.failure}
    # They were really tried, through the tunnel and no other way.
    assert {("127.0.0.2", Reason.BLOCKED_ADDRESS), ("canary.example", Reason.DNS)} <= refused
    assert f"http://127.0.0.2:{other.port}/fetch" in failed
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sane:
        sane.sendto(b"x", ("127.0.0.2", other.port))
    socket.create_connection(("127.0.0.2", other.port)).close()
    until = time.monotonic() + 5
    while (other.datagrams, other.connections) != (1, 1) and time.monotonic() < until:
        os.sched_yield()
    assert (other.datagrams, other.connections) == (1, 1), "the canary itself is dead"


def spki(port: int) -> str:
    """Return the digest of the key that the server at *port* shows, as Chromium wants it."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def test_a_refused_certificate_is_told_and_taken_only_when_its_key_is_named(tmp_path: Path) -> None:
    program()
    page = answer(b"<img src=/of-the-page>", "200 OK", "Content-Type: text/html")
    with Served(routing(lambda _: page), tls=hostile.Authority().context("other.example")) as served:
        plain, named = tmp_path / "plain", tmp_path / "named"
        for each in (plain, named):
            each.mkdir()
        url = served.url("/", "other.example")
        with look(plain, pages({"/": f"<img src={url}image>"})) as looked:
            opened = looked.page.open(url)
            assert opened.refusal is not None
            told = (opened.refusal.host, opened.refusal.port, opened.refusal.error)
            assert told == ("other.example", served.port, "net::ERR_CERT_AUTHORITY_INVALID")
            assert opened.reason is Reason.TLS_HANDSHAKE
            looked.page.open(looked.site.url())
            assert refusals(looked.page.ledger.all()) == (opened.refusal,)
        assert served.requests == []
        with browser(named, allowed_keys=(spki(served.port),)) as (started, _):
            again = Page(started, ends=time.monotonic() + 30).open(url)
        assert (again.reason, again.refusal) == (Reason.OK, None)
        assert [head.split(b" ")[1] for head in served.requests[:2]] == [b"/", b"/of-the-page"]


def test_the_key_log_is_tried_on_loopback_past_the_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program()
    with browser(tmp_path) as (started, way):
        page = Page(started, ends=time.monotonic() + 60)
        keys = tmp_path / "keys"
        found = try_key_log(started.devtools, page.sessions, keys, tmp_path)
        assert (found.written, found.words) == (True, "the keys of a connection to ourselves were written")
        monkeypatch.setattr(key_log, "_WRITTEN", 0.3)
        elsewhere = try_key_log(started.devtools, page.sessions, tmp_path / "other", tmp_path)
        assert (elsewhere.written, "writes no key log" in elsewhere.words) == (False, True)
        (tmp_path / "stale").write_bytes(keys.read_bytes())
        stale = try_key_log(started.devtools, page.sessions, tmp_path / "stale", tmp_path)
        assert (stale.written, "does not hold the keys" in stale.words) == (False, True)
        assert not [each for each in way.refused if each.host.startswith("127.")]
        assert page.ledger.all() == ()


def alive(group: int) -> bool:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                return True
    return False


def gone(group: int) -> bool:
    until = time.monotonic() + 15
    while alive(group) and time.monotonic() < until:
        os.sched_yield()
    return not alive(group)


@pytest.mark.parametrize("victim", ["browser", "page"])
def test_a_browser_that_is_killed_while_a_page_loads_is_a_failure_with_a_name(tmp_path: Path, victim: str) -> None:
    slow = {"/": "<p>x<script src=/never></script>", "/never": Reply(b"", SCRIPT, hold=True)}
    with look(tmp_path, pages(slow)) as looked:
        devtools = looked.page.devtools

        def strike() -> None:
            until = time.monotonic() + 10
            # By the browser's own account, which comes after the server's and would not come at all any more.
            while looked.site.url("/never") not in {each.url for each in looked.page.ledger.all()}:
                assert time.monotonic() < until
                os.sched_yield()
            if victim == "browser":
                looked.browser.kill()
            else:
                devtools.tell("Page.crash", session=looked.page.page)

        striking = threading.Thread(target=strike)
        striking.start()
        with pytest.raises(FetchError) as raised:
            looked.page.open(looked.site.url())
        striking.join()
        assert raised.value.reason == Reason.ENGINE_CRASH
        assert {each.url for each in looked.page.ledger.all()} >= {looked.site.url(), looked.site.url("/never")}
    assert gone(looked.browser.group)


def test_nothing_of_the_browser_is_left_when_its_block_ends_or_whoever_started_it_is_killed(tmp_path: Path) -> None:
    with look(tmp_path, pages({"/": "<p>x"})) as looked:
        looked.page.open(looked.site.url())
        assert alive(looked.browser.group)
    assert gone(looked.browser.group)
    orphaned = tmp_path / "orphaned"
    orphaned.mkdir()
    code = """if True:
        import sys, pathlib, signal
        from muniment.fetch.browser.find import Candidate
        from muniment.fetch.browser.flags import Settings
        from muniment.fetch.browser.launch import Browser
        folder = pathlib.Path(sys.argv[3])
        with Browser(Candidate(sys.argv[1], sys.argv[2], ""), folder, folder / "keys", Settings()) as started:
            print(started.group, flush=True)
            signal.pause()
    """
    found = program()
    command = [sys.executable, "-c", code, found.path, found.version, str(orphaned)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        group = int(parent.stdout.readline())
        assert alive(group)
        parent.send_signal(signal.SIGKILL)
    assert gone(group)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("exit 7", "the browser is gone; "),
        ("echo broken library >&2; exit 1", "broken library"),
        (None, "did not start"),
    ],
    ids=["leaves", "complains", "is-not-there"],
)
def test_a_browser_that_does_not_start_says_why(tmp_path: Path, script: str | None, word: str) -> None:
    path = tmp_path / "chromium"
    if script:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    with (
        pytest.raises(FetchError, match=word) as raised,
        Browser(Candidate(str(path), "156.0.0.0", ""), tmp_path, tmp_path / "keys", Settings()),
    ):
        pass
    assert raised.value.reason == Reason.ENGINE_CRASH


def test_no_body_is_asked_for_in_a_coding_that_needs_a_dictionary(tmp_path: Path) -> None:
    """A browser with dictionaries on would offer dcb for the second script."""
    heads: list[str] = []
    kept = Reply(b"//" + b"x" * 2000, {**SCRIPT, "Use-As-Dictionary": 'match="/*.js"', "Cache-Control": "max-age=600"})
    with look(
        tmp_path, pages({"/": "<script src=/1.js></script>", "/two": "<script src=/2.js></script>", "/1.js": kept})
    ) as looked:
        looked.page.devtools.hear(
            lambda event: (
                heads.append(str(event.params["headers"]).lower())
                if event.method == "Network.requestWillBeSentExtraInfo"
                else None
            )
        )
        looked.page.open(looked.site.url())
        looked.page.open(looked.site.url("/two"))
    assert sum("accept-encoding" in each for each in heads) >= 4
    assert not [each for each in heads if "dcb" in each or "dcz" in each or "available-dictionary" in each]
    assert {each.text for each in NOT_WANTED} >= {"CompressionDictionaryTransport", "EncryptedClientHello"}


def test_the_tunnel_is_the_only_way_also_for_loopback(tmp_path: Path) -> None:
    site = Site(pages({"/": "<p>x"}))
    program()
    with browser(tmp_path) as (started, way):
        page = Page(started, ends=time.monotonic() + 30)
        assert page.open(site.url("/", "127.0.0.1")).loaded
        assert [each.name for each in (tmp_path / "spools").iterdir()]
        way.tunnel.close()
        assert page.open(site.url("/", "127.0.0.1")).reason is not Reason.OK
    site.close()

"""Captures with an account: what the archivist brings is sent where it belongs, sealed, named as such, and not kept."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from browsing import HTML, Reply, Site, look, pages, program
from commands import muniment
from hostile import Served, answer, routing, self_signed
from muniment.capture import archive as archives
from muniment.capture import commit
from muniment.errors import JobError
from muniment.fetch.browser.flags import Window
from muniment.fetch.browser.hand import act
from muniment.fetch.browser.notes import NoteKind
from muniment.fetch.cookies import Cookies, brought
from muniment.message.url import Url
from muniment.model import Reason
from muniment.rules import Limits, Rules
from muniment.warc import metadata

SECRET = "session-7c1f"  # the cookie of an account
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\npiece.ts\n#EXT-X-ENDLIST\n"


def cookies_txt(folder: Path, *lines: str) -> Path:
    path = folder / "cookies.txt"
    path.write_text("\n".join(["# Netscape HTTP Cookie File", *lines, ""]), encoding="utf-8")
    return path


@pytest.fixture
def asked() -> list[tuple[str, str, str]]:
    """Give what the members' site was asked for: host, path, and the Cookie field."""
    return []


@pytest.fixture
def members(asked: list[tuple[str, str, str]]) -> Iterator[Site]:
    """Serve a site that shows its article to members alone; its pictures lie on another host."""

    def route(_: str, target: str) -> Reply:
        if target == "/":
            return Reply(
                b"<!doctype html><title>For members</title><h1>The list of the missing</h1><p>"
                + b"Names. " * 50
                + b"<img src='http://third.example:%d/p.svg'><video src=/list.m3u8></video>" % made.port,
                HTML,
            )
        if target == "/list.m3u8":
            return Reply(PLAYLIST.encode(), {"Content-Type": "application/vnd.apple.mpegurl"})
        if target == "/piece.ts":
            return Reply(b"G" * 1880, {"Content-Type": "video/mp2t"})
        return Reply(b"<svg xmlns='http://www.w3.org/2000/svg'/>", {"Content-Type": "image/svg+xml"})

    made = Site(route)
    handler = made._server.RequestHandlerClass
    answer = handler._answer  # type: ignore[attr-defined]

    def checked(self: Any) -> None:
        host = self.headers["Host"].partition(":")[0]
        asked.append((host, self.path, self.headers.get("Cookie", "")))
        if host == "other.example" and SECRET not in self.headers.get("Cookie", ""):
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer(self)

    handler._answer = checked  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "archive"
    made.mkdir()
    assert muniment("init", ".", "--name", "test", "--operator", "Test desk", cwd=made).status == 0
    return made


def records(root: Path) -> list[tuple[str, str, str, bytes]]:
    found = []
    for path in sorted(root.glob("**/*.warc.gz")):
        with path.open("rb") as file:
            for each in ArchiveIterator(file, no_record_parse=True):
                field = each.rec_headers.get_header
                record_id, url = (field(name) or "" for name in ("WARC-Record-ID", "WARC-Target-URI"))
                found.append((each.rec_type, record_id.strip("<>"), url, each.raw_stream.read()))
    return found


def names(host: str) -> list[str]:
    return ["--resolve", f"{host}=127.0.0.1"]


@pytest.mark.parametrize("engine", ["static", "browser"])
def test_cookies_go_to_their_site_alone_by_every_engine_and_the_records_that_hold_them_are_named(
    root: Path, tmp_path: Path, members: Site, asked: list[tuple[str, str, str]], engine: str
) -> None:
    browser = program().path if engine == "browser" else "none"
    jar = cookies_txt(tmp_path, f"other.example\tFALSE\t/\tFALSE\t0\tlogin\t{SECRET}")
    url = members.url("/", "other.example")
    rest = [*names("other.example"), *names("third.example"), "--no-dns", "--allow-net", "127.0.0.0/8", "--delay", "0s"]
    done = muniment(
        "capture", url, *rest, "--engine", engine, "--cookies", jar, "--json", cwd=root, MUNIMENT_BROWSER=browser
    )
    assert "sealed for good" in done.err
    assert done.json["article"]["status"] == 200
    by_host = {(host, path): cookie for host, path, cookie in asked}
    # The static engine, the browser and yt-dlp alike.
    assert all(SECRET in cookie for (host, path), cookie in by_host.items() if host == "other.example")
    assert by_host["other.example", "/piece.ts"]
    assert by_host["third.example", "/p.svg"] == ""
    context = json.loads(next(root.glob("manifests/**/context.json")).read_text(encoding="utf-8"))
    assert context["rules"]["entrusted"] == ["cookies"]
    assert str(jar) not in json.dumps(context)
    kept = records(root)
    holding = {record_id for _, record_id, _, block in kept if SECRET.encode() in block}
    assert holding
    assert set(context["credentials"]) == holding
    for path in root.rglob("*"):
        assert path.name != "cookies.txt"
        assert not path.is_file() or path.suffix == ".gz" or SECRET.encode() not in path.read_bytes()
    assert muniment("verify", cwd=root).status == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no cookie that is valid"),
        (["other.example\tFALSE\t/\tFALSE\t100\tlogin\tx"], "no cookie that is valid"),
        (["this is no cookie"], "could not be read"),
        (["\x00\x01\x02"], "could not be read"),
    ],
)
def test_a_file_of_cookies_that_cannot_be_used_is_refused_before_anything_is_sent(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    with pytest.raises(JobError, match=words):
        brought(str(cookies_txt(tmp_path, *lines)))
    with pytest.raises(JobError, match="No such file"):
        brought(str(tmp_path / "nowhere.txt"))


def test_cookies_of_a_session_and_those_of_a_host_alone_come_through_a_file_and_back(tmp_path: Path) -> None:
    lines = [
        "#HttpOnly_other.example\tFALSE\t/\tTRUE\t0\tone\t1",
        ".below.example\tTRUE\t/path\tFALSE\t99999999999\ttwo\t2",
        "other.example\tFALSE\t/\tFALSE\t5\tgone\t3",
    ]
    jar = Cookies(str(cookies_txt(tmp_path, *lines)))
    assert jar.field("https://other.example/") == "one=1"
    assert jar.field("http://other.example/") == ""
    assert jar.field("https://sub.other.example/") == ""
    assert jar.field("https://a.below.example/path/x") == "two=2"
    assert jar.field("https://a.below.example/else") == ""
    again = tmp_path / "again.txt"
    again.write_bytes(jar.file())
    assert Cookies(str(again)).field("https://other.example/") == "one=1"
    assert Cookies(str(again)).field("https://a.below.example/path/") == "two=2"


class Member:
    """A human as the page meets one: whatever is asked of her is done when the page has seen it."""

    window = Window.HIDDEN

    def __init__(self) -> None:
        self.acting = threading.Event()
        self.through = threading.Event()
        self.address = ""

    def begin(self, address: str) -> None:
        self.address = address
        self.acting.set()

    def done(self) -> bool:
        return self.through.is_set()


LOGIN = b"""<!doctype html><title>Log in</title><form><input type=password name=pw></form><script>
const wait = async () => {
  const said = await (await fetch('/acted')).text();
  if (said !== 'yes') return setTimeout(wait, 50);
  document.cookie = 'member=%s; max-age=100000; path=/';
  location = '/article';
};
wait();
</script>""" % SECRET.encode()


def test_what_a_human_does_in_the_page_is_kept_and_told_and_a_profile_remembers_it(tmp_path: Path) -> None:
    browser = program()
    human = Member()

    def route(_: str, target: str) -> Reply:
        if target == "/acted":
            return Reply(b"yes" if human.acting.is_set() else b"no", {"Content-Type": "text/plain"})
        if target == "/article":
            human.through.set()
            return Reply(
                b"<!doctype html><title>Names</title><h1>The list of the missing</h1>" + b"<p>Names." * 40, HTML
            )
        return Reply(LOGIN, HTML)

    home, root = tmp_path / "home", tmp_path / "archive"
    archives.begin_with_keys(root, "test", "Test desk", home, None)
    where = archives.opened(root, home)
    profile = tmp_path / "profile"
    rules = Rules(
        engine="browser",
        allow_net=("127.0.0.0/8",),
        resolve=("other.example=127.0.0.1",),
        dns=False,
        limits=Limits(delay=0),
        profile=str(profile),
        interactive=True,
    )
    site = Site(route)
    try:
        held = commit.signers(where, None)

        def capture(path: str, rules: Rules, hand: Member | None) -> str:
            desk = commit.Desk(where, held, rules, commit.Clock(), browser, hand)
            url = Url.parse(site.url(path, "other.example"))
            return commit.capture(url, desk, stop=threading.Event(), said=lambda *_: None).id

        first = capture("/", rules, human)
        assert human.address == site.url("/", "other.example")
        second = capture("/article", replace(rules, interactive=False), None)
    finally:
        site.close()
    by_capture = {each: records(next(root.glob(f"archive/*/*/*/{each}"))) for each in (first, second)}
    visits = [
        metadata.decode(block, "w")
        for kind, _, _, block in by_capture[first]
        if kind == "metadata" and b'"by_hand"' in block
    ]
    assert visits[0]["by_hand"]["address"] == site.url("/article", "other.example")
    assert visits[0]["by_hand"]["said_so"] is True
    assert visits[0]["by_hand"]["requests"] >= 3
    assert any(
        b"The list of the missing" in block for kind, _, url, block in by_capture[first] if url.startswith("urn:dom:")
    )
    # The profile has the login, so the next capture sends it unasked.
    requests = [block for kind, _, _, block in by_capture[second] if kind == "request"]
    assert any(SECRET.encode() in block for block in requests)
    assert not any(path.is_file() and path.name == "Cookies" for path in root.rglob("*"))
    assert str(profile).encode() not in b"".join(block for each in by_capture.values() for _, _, _, block in each)


def test_windows_are_let_be_while_a_human_acts_and_closed_when_she_is_done(tmp_path: Path) -> None:
    route = pages({"/": "<!doctype html><h1>page</h1>", "/window": "<!doctype html><h1>window</h1>"})
    with look(tmp_path, route) as seen:
        assert seen.page.open(seen.site.url("/")).reason is Reason.OK

        class Clicks(Member):
            def begin(self, _: str) -> None:
                self.open()

            def open(self) -> None:
                # No answer is waited for: what opens a window that is closed at once may be ended in its middle.
                opens = {"expression": "window.open('/window')", "userGesture": True}
                seen.browser.devtools.tell("Runtime.evaluate", opens, session=seen.page.page)

            def done(self) -> bool:
                return ("GET", "localhost", "/window") in seen.site.asked

        human = Clicks()
        acted = act(seen.page, human, lambda: datetime.now(UTC))
        assert acted.said_so
        assert seen.site.url("/window") in {each.url for each in seen.page.ledger.all()}
        live = seen.page.sessions.live
        assert seen.browser.devtools.until(lambda: [each.kind for each in live.values()] == ["page"], 10)
        before = len(seen.site.asked)
        human.open()
        assert seen.browser.devtools.until(lambda: seen.page.notes.count(NoteKind.POPUP) > 0, 10)
        seen.page.quiet()
        assert len(seen.site.asked) == before


@pytest.mark.parametrize("where", ["in the archive", "nowhere", "in use"])
def test_a_profile_that_cannot_be_used_is_refused_with_what_to_do(root: Path, tmp_path: Path, where: str) -> None:
    browser = program()
    profile = {"in the archive": root / "profile", "nowhere": tmp_path / "absent", "in use": tmp_path / "used"}[where]
    if where != "nowhere":
        profile.mkdir()
    if where == "in use":
        (profile / "SingletonLock").symlink_to("desk-4711")
    done = muniment(
        "capture", "http://other.example/", "--no-dns", "--profile", profile, cwd=root, MUNIMENT_BROWSER=browser.path
    )
    assert done.status == 2
    assert str(profile) in done.err
    assert list(root.glob("manifests/[0-9]*")) == []


def test_nobody_can_act_where_there_is_no_screen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    done = muniment(
        "capture", "http://other.example/", "--no-dns", "--interactive", cwd=root, MUNIMENT_BROWSER=program().path
    )
    assert (done.status, "no screen" in done.err or "keyboard" in done.err) == (2, True)


@pytest.mark.parametrize("engine", ["static", "browser"])
def test_nobody_who_cannot_prove_who_he_is_is_sent_a_cookie_by_any_engine(
    root: Path, tmp_path: Path, engine: str
) -> None:
    browser = program().path if engine == "browser" else "none"
    parts = {
        "/": answer(b"<h1>Names</h1><video src=/list.m3u8></video>", "200 OK", "Content-Type: text/html"),
        "/list.m3u8": answer(PLAYLIST.encode(), "200 OK", "Content-Type: application/vnd.apple.mpegurl"),
    }
    jar = cookies_txt(tmp_path, f"other.example\tFALSE\t/\tFALSE\t0\tlogin\t{SECRET}")
    script = routing(lambda target: parts.get(target, answer(b"G" * 1880)))
    with Served(script, tls=self_signed("other.example", tmp_path)) as served:
        place = ["--resolve", f"other.example=127.0.0.1:{served.port}", "--no-dns", "--allow-net", "127.0.0.0/8"]
        rest = [*place, "--delay", "0s", "--engine", engine, "--cookies", jar, "--json"]
        done = muniment("capture", "https://other.example/", *rest, cwd=root, MUNIMENT_BROWSER=browser)
        heads = b"".join(served.requests)
    assert b"GET / HTTP/1.1" in heads
    assert SECRET.encode() not in heads
    assert {each["tls"] for each in done.json["resources"]} == {"self-signed"}

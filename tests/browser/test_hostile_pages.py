"""Pages that do what no page should: each ends in time, and says why."""

import contextlib
import io
import re
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from browsing import HTML, SCRIPT, Look, Reply, look, pages
from muniment.errors import FetchError
from muniment.fetch.browser.behaviours import behave
from muniment.fetch.browser.notes import NoteKind
from muniment.model import Reason

DOWNLOAD: Final = Reply(b"MZ" * 50, {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"})
NO_PAGE: Final = {
    "/redirects": (Reply(b"", {"Location": "/redirects"}, 302), Reason.LIMIT_RESOURCES, "ERR_TOO_MANY_REDIRECTS"),
    "/download": (DOWNLOAD, Reason.OUT_OF_SCOPE, "a download"),
    "/password": (Reply(b"no", {"WWW-Authenticate": 'Basic realm="x"'}, 401), Reason.LOGIN, "AUTH_CREDENTIALS"),
    "/to-a-file": (Reply(b"", {"Location": "file:///etc/hostname"}, 302), Reason.BLOCKED_SCHEME, "UNSAFE_REDIRECT"),
    "/silent": (Reply(hold=True), Reason.TIMEOUT, "no page came"),
}


def test_what_is_no_page_is_told_from_a_page_and_the_next_one_opens_all_the_same(tmp_path: Path) -> None:
    site = {path: reply for path, (reply, _, _) in NO_PAGE.items()}
    with look(tmp_path, pages({**site, "/good": "<p>good"})) as looked:
        for path, (_, reason, word) in NO_PAGE.items():
            opened = looked.page.open(looked.site.url(path))
            assert (opened.reason, word in opened.detail) == (reason, True), opened
        assert looked.page.open("file:///etc/hostname").reason is Reason.BLOCKED_SCHEME
        assert looked.page.open("http://:x/").reason is Reason.MALFORMED_URL
        good = looked.page.open(looked.site.url("/good"))
        assert (good.reason, good.loaded, good.settled) == (Reason.OK, True, True)


BUSY: Final = {
    "/endless-script": ("<p>x<script>while (true);</script>", "a script of the page did not come to an end"),
    "/endless-later": ("<p>x<script>setTimeout(() => { while (true); }, 300)</script>", "did not come to an end"),
    "/goes-elsewhere": ("<meta http-equiv=refresh content='0;url=/goes-elsewhere'>", "went elsewhere 20 times"),
    "/windows": ("<p>x<script>for (let i = 0; i < 300; i++) window.open('/w' + i)</script>", "opened 100 windows"),
}


@pytest.mark.parametrize("path", BUSY)
def test_a_page_that_never_rests_has_its_scripts_ended_and_can_still_be_seen(tmp_path: Path, path: str) -> None:
    page, word = BUSY[path]
    with look(tmp_path, pages({path: page})) as looked:
        opened = looked.page.open(looked.site.url(path))
        assert opened.reason is Reason.OK
        behave(looked.page)
        plain, dated = io.BytesIO(), io.BytesIO()
        looked.studio().screenshots(plain, dated)
        assert word in looked.page.stopped
        assert looked.page.notes.count(NoteKind.STOPPED) == 1
    assert Image.open(plain).width == 1280


def open_and_behave(looked: Look) -> None:
    looked.page.open(looked.site.url())
    behave(looked.page)


def test_a_loop_of_dialogs_ends_with_the_page(tmp_path: Path) -> None:
    with (
        look(tmp_path, pages({"/": "<script>while (true) alert('again')</script>"})) as looked,
        pytest.raises(FetchError, match="60 dialogs without an end") as raised,
    ):
        looked.page.open(looked.site.url())
    assert raised.value.reason == Reason.ENGINE_CRASH
    assert looked.page.notes.count(NoteKind.DIALOG) == 60


def test_memory_without_an_end_ends_the_page_and_not_the_machine(tmp_path: Path) -> None:
    grows = "<script>for (const all = [];;) { const a = new Uint8Array(5e8); a.fill(1); all.push(a) }</script>"
    with look(tmp_path, pages({"/": grows})) as looked:
        limits = Path(f"/proc/{looked.browser.group}/limits")
        assert not limits.exists() or re.search(rf"Max data size +{4 << 30} ", limits.read_text())
        with contextlib.suppress(FetchError):
            open_and_behave(looked)
        page = looked.page
        # The machine decides which comes first: the end of its time, an error in the script, or the process killed.
        assert page.stopped or page.sessions.crashed or "allocation failed" in str(page.notes.all())
        looked.browser.devtools.ask("Browser.getVersion")


MANNERS: Final = """<p id=p>x<script>
alert('hello'); p.textContent = [confirm('agree?'), prompt('name?', 'me')].join();
print(); window.open('/popup'); open('/popup-2', '_blank', 'noopener');
onbeforeunload = e => { e.preventDefault(); return 'stay' };
const a = document.createElement('a'); a.href = '/download'; a.download = 'x.exe'; a.click();
fetch('/after-print');
</script>"""


def test_dialogs_are_answered_downloads_and_windows_refused_and_all_of_it_is_noted(tmp_path: Path) -> None:
    site = {"/": MANNERS, "/download": DOWNLOAD, "/popup": "<script>fetch('/of-popup')</script>", "/next": "<p>next"}
    with look(tmp_path, pages(site)) as looked:
        assert looked.page.open(looked.site.url()).loaded
        text = io.BytesIO()
        looked.studio().text(text)
        looked.page.devtools.until(lambda: looked.page.notes.count(NoteKind.DOWNLOAD) > 0, 5)
        assert looked.page.open(looked.site.url("/next")).loaded
        notes = [(each.kind.value, each.text) for each in looked.page.notes.all()]
        asked = {path for _, _, path in looked.site.asked}
        left = [path for path in (tmp_path / "own").rglob("*") if path.name.startswith(("x.exe", "download"))]
    assert text.getvalue() == b"false,"
    assert ("dialog", "alert, accepted: hello") in notes
    assert ("dialog", "confirm, dismissed: agree?") in notes
    assert ("dialog", "prompt, dismissed: name?") in notes
    assert ("download", "was refused: x.exe") in notes
    assert [text for kind, text in notes if kind == "popup"]
    assert asked & {"/popup", "/popup-2", "/of-popup"} == set()
    assert "/after-print" in asked
    assert left == []


def test_the_time_of_a_page_is_its_last_word(tmp_path: Path) -> None:
    slow = {"/": "<p>x<script src=/never></script>", "/never": Reply(b"", SCRIPT, hold=True)}
    with look(tmp_path, pages(slow), seconds=3) as looked:
        with pytest.raises(FetchError) as raised:
            open_and_behave(looked)
        assert raised.value.reason == Reason.LIMIT_TIME


def test_a_body_that_never_ends_does_not_keep_the_page_from_being_seen(tmp_path: Path) -> None:
    with look(tmp_path, pages({"/": Reply(b"<p>what came", HTML, hold=True)})) as looked:
        opened = looked.page.open(looked.site.url())
        text = io.BytesIO()
        looked.studio().text(text)
    assert (opened.reason, opened.loaded, opened.detail) == (Reason.OK, False, "the load event did not come")
    assert text.getvalue() == b"what came"

"""What is done with a page that behaves: what a patient reader would, and what is kept of how it looked."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from browsing import HTML, Look, Reply, look, pages
from muniment.fetch.browser import consent
from muniment.fetch.browser.behaviours import behave
from muniment.fetch.browser.consent import Choice
from muniment.fetch.browser.notes import NoteKind

STORY = """<!doctype html><title>story</title><body style="margin:0">
<p>Headline</p>
<details><summary>more</summary><img loading=lazy src=/folded.png></details>
<button onclick="fetch('/read-more')">Read more</button>
<a href="#" onclick="fetch('/weiter');return false">Weiterlesen</a>
<a href=/leads-away>Read more</a>
<form><button>Show more</button></form> <button onclick="fetch('/bought')">Buy</button>
<div style="height:6000px"></div>
<img loading=lazy src=/lazy.png
srcset="/1x.png 1x, /with,comma.png 2x,/3x.png 3x">
<picture><source media="(min-width: 9000px)" srcset="/huge.png"><img src=/usual.png></picture>
<img data-src=/kept-back.png>
<div id=below></div>
<script>
new IntersectionObserver(seen => seen[0].isIntersecting && fetch('/in-sight')).observe(below);
Array.prototype.map = Array.prototype.slice = () => { throw new Error('redefined') };
</script>
<iframe src="http://other.example:PORT/post"></iframe>"""
POST = "<p>a post</p><button onclick=\"fetch('/post-opened')\">Mehr anzeigen</button><img data-src=/of-the-post.png>"


def paths(looked: Look) -> set[str]:
    return {path for _, _, path in looked.site.asked}


def test_what_a_reader_would_see_is_asked_for_and_what_a_reader_must_not_do_is_not_done(tmp_path: Path) -> None:
    with look(tmp_path, pages({"/": STORY, "/post": POST})) as looked:
        opened = looked.page.open(looked.site.url())
        assert (opened.loaded, opened.settled, opened.address) == (True, True, looked.site.url())
        done = behave(looked.page)
        wanted = {"/folded.png", "/read-more", "/weiter", "/lazy.png", "/1x.png", "/with,comma.png", "/3x.png"}
        wanted |= {"/huge.png", "/usual.png", "/kept-back.png", "/in-sight", "/post-opened", "/of-the-post.png"}
        assert wanted - paths(looked) == set()
        assert paths(looked) & {"/leads-away", "/bought", "/?"} == set()
        assert looked.page.address() == looked.site.url()
    said = {(each.behaviour, each.where == looked.site.url()): each for each in done}
    assert said["open", True].outcome == "1 <details> opened, 2 buttons pressed; 'Read more'; 'Weiterlesen'"
    assert said["open", False].outcome.endswith("'Mehr anzeigen'")
    assert said["scroll", True].complete
    assert said["pictures", True].outcome == "2 lazy elements told to load, 6 candidates asked for"


def test_a_page_without_an_end_is_scrolled_only_so_far_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muniment.fetch.browser.behaviours._STEPS", 5)
    page = "<body><script>onscroll = () => document.body.append(Object.assign(document.createElement('div'),"
    page += "{style: 'height:3000px'})); onscroll()</script>"
    with look(tmp_path, pages({"/": page})) as looked:
        looked.page.open(looked.site.url())
        [scrolled] = [each for each in behave(looked.page) if each.behaviour == "scroll"]
    assert not scrolled.complete
    assert scrolled.outcome.startswith("5 steps down to ")


def test_media_are_played_muted_and_one_that_cannot_be_played_is_told(tmp_path: Path) -> None:
    # RIFF WAVE: half a second of silence in 8 bits at 8 kHz.
    silence = b"RIFF" + (36 + 4000).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    silence += bytes.fromhex("01000100401f0000401f000001000800") + b"data" + (4000).to_bytes(4, "little")
    silence += b"\x80" * 4000
    page = "<audio src=/sound.wav></audio><video src=/broken.mp4 preload=none></video>"
    site = {"/": page, "/sound.wav": Reply(silence, {"Content-Type": "audio/wav"})}
    with look(tmp_path, pages(site)) as looked:
        looked.page.open(looked.site.url())
        played = [(each.outcome, each.complete) for each in behave(looked.page) if each.behaviour == "play"]
        sound, film = looked.site.url("/sound.wav"), looked.site.url("/broken.mp4")
    assert played[0] in {(f"plays: {sound}", True), (f"ended: {sound}", True)}
    assert played[1:] == [(f"failed: {film}", False)]


WALLS = {
    "dialog": (
        "<p>Artikel</p><div role=dialog>Wir und unsere Partner verwenden Cookies."
        "<button onclick=\"this.parentNode.remove();fetch('/yes')\">Alle akzeptieren</button>"
        "<button onclick=\"this.parentNode.remove();fetch('/no')\">Nur notwendige Cookies</button></div>"
    ),
    "overlay": (
        "<p>Статья</p><section style='position:fixed;bottom:0'>Мы используем файлы cookie"
        "<button onclick=\"this.parentNode.remove();fetch('/yes')\">Принять все</button>"
        "<a href='#' onclick=\"this.parentNode.remove();fetch('/no')\">Отклонить</a></section>"
    ),
    "name": (
        "<p>مقال</p><div class=cookie-banner>نستخدم ملفات تعريف الارتباط"
        "<button onclick=\"this.parentNode.remove();fetch('/yes')\">قبول</button>"
        "<button onclick=\"this.parentNode.remove();fetch('/no')\">رفض</button></div>"
    ),
    "frame": "<p>Article</p><iframe id=f src='http://other.example:PORT/wall'></iframe>"
    "<script>onmessage = () => { f.remove() }</script>",
    "shadow": (
        "<p>Article</p><div id=cmp></div><script>cmp.attachShadow({mode: 'open'}).innerHTML = "
        '\'<div style="position:fixed;top:0">Nous respectons votre vie privée<button>Tout refuser</button>'
        "<button>Accepter</button></div>';"
        "for (const b of cmp.shadowRoot.querySelectorAll('button')) "
        "b.onclick = () => { fetch(b.textContent === 'Accepter' ? '/yes' : '/no'); cmp.remove() }</script>"
    ),
}
FRAMED = (
    "We value your privacy <button onclick=\"fetch('/yes').finally(() => parent.postMessage(1, '*'))\">I agree</button>"
    "<button onclick=\"fetch('/no').finally(() => parent.postMessage(1, '*'))\">Reject all</button>"
)


def test_a_wall_of_any_shape_is_recognised_and_answered_and_both_are_told(tmp_path: Path) -> None:
    site: dict[str, str | Reply] = {f"/{shape}": Reply(page.encode(), HTML) for shape, page in WALLS.items()}
    pressed = []
    with look(tmp_path, pages({**site, "/wall": FRAMED})) as looked:
        for shape in WALLS:
            looked.page.open(looked.site.url(f"/{shape}"))
            wall = consent.find(looked.page)
            assert wall is not None, shape
            assert wall.how == ("overlay" if shape == "shadow" else shape)
            assert sorted(each.means for each in wall.buttons) == ["accept", "reject"], shape
            said = consent.answer(looked.page, wall, Choice.REJECT)
            assert (said.meant, said.gone) == ("reject", True), shape
            assert consent.find(looked.page) is None, shape
            pressed.append(said.pressed)
        assert paths(looked) & {"/yes", "/no"} == {"/no"}
    assert pressed == ["Nur notwendige Cookies", "Отклонить", "رفض", "Reject all", "Tout refuser"]


def test_an_article_about_cookies_and_a_form_are_no_wall_and_nothing_is_pressed_without_leave(tmp_path: Path) -> None:
    article = "<article>Why cookies and privacy matter. <button>Accept</button></article>"
    article += "<header style='position:sticky;top:0'>News <button>Subscribe</button></header>"
    with look(tmp_path, pages({"/": article, "/walled": WALLS["dialog"]})) as looked:
        looked.page.open(looked.site.url())
        assert consent.find(looked.page) is None
        looked.page.open(looked.site.url("/walled"))
        wall = consent.find(looked.page)
        assert wall is not None
        said = consent.answer(looked.page, wall, Choice.NOTHING)
        assert (said.pressed, said.gone) == ("", False)
        assert consent.answer(looked.page, wall, Choice.ACCEPT).pressed == "Alle akzeptieren"
        assert "/yes" in paths(looked)


DRAWN = """<!doctype html><body style="margin:0;background:#fff"><div style="height:3000px">top <b-x></b-x></div>
<iframe src="http://other.example:PORT/post" style="display:block;border:0;width:400px;height:200px"></iframe>
<div style="height:100px;background:#00f"></div>
<script>customElements.define('b-x', class extends HTMLElement {
  connectedCallback() {
    this.attachShadow({mode: 'open'}).innerHTML = '<i>in the shadow</i>' } });
console.warn('a word', 7); document.body.append(String.fromCharCode(0xd800)); setTimeout(() => nothing.here)</script>"""


def test_the_pictures_show_the_whole_page_with_frames_of_other_sites_and_one_bears_time_and_address(
    tmp_path: Path,
) -> None:
    post = '<body style="margin:0;background:#0f0">a post'
    with look(tmp_path, pages({"/": DRAWN, "/post": post})) as looked:
        looked.page.open(looked.site.url())
        plain, dated = io.BytesIO(), io.BytesIO()
        first, second = looked.studio().screenshots(plain, dated)
        assert looked.page.run("height.js")["height"] >= 3300
    picture, margin = Image.open(plain).convert("RGB"), Image.open(dated).convert("RGB")
    assert picture.size == (first.width, first.height) == (1280, first.height)
    assert first.height >= 3300
    assert picture.getpixel((390, 3190)) == (0, 255, 0)
    assert picture.getpixel((10, 3290)) == (0, 0, 255)
    edge = second.height - first.height
    assert margin.size == (second.width, second.height)
    assert ImageChops.difference(margin.crop((0, edge, *margin.size)), picture).getbbox() is None
    assert margin.crop((0, 0, 1280, edge)).getcolors() != [(1280 * edge, (255, 255, 255))]
    assert (first.url, first.viewport, first.cut) == (looked.site.url(), (1280, 900), "")
    assert first.product.startswith("Chrome/")


def test_a_page_that_is_too_tall_is_cut_and_the_picture_says_so(tmp_path: Path) -> None:
    with look(tmp_path, pages({"/": "<div style='height:40000px'>"})) as looked:
        looked.page.open(looked.site.url())
        plain, dated = io.BytesIO(), io.BytesIO()
        first, second = looked.studio().screenshots(plain, dated)
    assert "nothing is shown" in first.cut
    assert "40016" in first.cut
    assert Image.open(plain).size == (1280, first.height)
    assert Image.open(dated).size == (1280, 16384) == (second.width, second.height)


def test_pdf_dom_text_and_notes_hold_the_page_as_it_was_rendered(tmp_path: Path) -> None:
    with look(tmp_path, pages({"/": DRAWN, "/post": "<p>a post</p>"})) as looked:
        looked.page.open(looked.site.url())
        looked.page.devtools.until(lambda: looked.page.notes.count(NoteKind.ERROR) > 0, 5)
        studio = looked.studio()
        made = {name: io.BytesIO() for name in ("pdf", "dom", "text", "notes")}
        facts = [getattr(studio, name)(into) for name, into in made.items()]
    assert made["pdf"].getvalue().startswith(b"%PDF-")
    assert made["pdf"].getvalue().rstrip().endswith(b"%%EOF")
    dom = made["dom"].getvalue().decode()
    assert dom.startswith("<!DOCTYPE html>\n<html")
    assert '<template shadowrootmode="open"><i>in the shadow</i></template>' in dom
    assert dom.endswith("</html>")
    text = made["text"].getvalue().decode()
    assert "top" in text
    assert "in the shadow" in text
    assert f"[{looked.site.url('/post', 'other.example')}]\na post" in text
    notes = [json.loads(line) for line in made["notes"].getvalue().splitlines()]
    assert {"kind": "console", "where": looked.site.url(), "text": "warning: a word 7"} in notes
    assert any(each["kind"] == "error" and "nothing is not defined" in each["text"] for each in notes)
    assert {each.cut for each in facts} == {""}
    assert [each.kind for each in facts] == ["pdf", "dom", "text", "notes"]


def test_a_document_larger_than_a_piece_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("muniment.fetch.browser.artefacts._PIECE", 100)
    letters = "é𝄞" * 500
    with look(tmp_path, pages({"/": "<meta charset=utf-8><pre>" + letters})) as looked:
        looked.page.open(looked.site.url())
        into = io.BytesIO()
        looked.studio().text(into)
    assert into.getvalue().decode().strip() == letters


def test_sites_see_the_settings_and_no_trace_of_the_operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.2:9")
    script = """<script>new Worker(URL.createObjectURL(new Blob([`
      postMessage([navigator.userAgent, navigator.languages.join(),
        Intl.DateTimeFormat().resolvedOptions().timeZone])
    `]))).onmessage = e => console.log(JSON.stringify([...e.data, navigator.userAgent, innerWidth, innerHeight,
      navigator.languages.join(), Intl.DateTimeFormat().resolvedOptions().timeZone, screen.width]))</script>"""
    settings = {"languages": ("uk-UA", "uk", "en"), "time_zone": "Asia/Gaza", "width": 1000, "height": 700}
    with look(tmp_path, pages({"/": script}), **settings) as looked:
        looked.page.open(looked.site.url())
        looked.page.devtools.until(lambda: looked.page.notes.count(NoteKind.CONSOLE) > 0, 5)
        [said] = [each for each in looked.page.notes.all() if each.text.startswith("log:")]
        facts = looked.browser.facts
    agent, languages, zone, *others = json.loads(said.text.removeprefix("log: "))
    assert others == [agent, 1000, 700, languages, zone, 1000]
    assert (languages, zone) == ("uk-UA,uk,en", "Asia/Gaza")
    assert "Headless" not in agent
    assert agent == facts.user_agent == facts.settings.user_agent
    assert facts.settings.time_zone == "Asia/Gaza"
    assert any(each.text == "--no-sandbox" for each in facts.flags) is not facts.sandboxed
    assert all(each.why for each in facts.flags)

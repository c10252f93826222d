"""The second edition in a real browser: got past its wall, shown, played; and all that its server sent is read."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from muniment.fetch.browser import consent
from muniment.fetch.browser.behaviours import behave
from muniment.fetch.browser.consent import Choice
from muniment.fetch.browser.ledger import Source
from muniment.fetch.browser.world import Frame
from muniment.fetch.decoding.telling import Ended, Heard, Peer
from muniment.model import Reason
from muniment.sample.second import Served, named
from visiting import EXPIRED, Visit, content, unequal, visit

POSTS = ("https://post.social.example/embed/4417", "https://clips.tern.example/embed/4423")
LOST = "https://api.lantern.example/oembed?post=88"
LATER = re.compile(r"post\.social|clips\.tern|live\.courier|count\.audience|/v2/consent|part=2|/film/")
"""What nothing may ask for before the reader has agreed."""


def evaluated(visit: Visit, expression: str, frame: Frame) -> Any:
    asked = {"expression": expression, "returnByValue": True}
    return visit.page.devtools.ask("Runtime.evaluate", asked, session=frame.session)["result"].get("value")


def read_on(visit: Visit) -> consent.Consent:
    """Agree to what the wall asks, as the rules of a capture do that would rather refuse."""
    wall = consent.find(visit.page)
    assert wall is not None
    return consent.answer(visit.page, wall, Choice.REJECT)


def test_the_wall_is_recognised_and_nothing_behind_it_is_asked_for_before_it_is_answered(tmp_path: Path) -> None:
    with visit(tmp_path, patient=False) as visited:
        opened = visited.page.open(visited.site.url)
        assert (opened.loaded, opened.settled, opened.reason) == (True, True, Reason.OK)
        wall = consent.find(visited.page)
        assert wall is not None
        assert (wall.how, [(button.text, button.means) for button in wall.buttons]) == (
            "dialog",
            [("Accept and read on", "accept"), ("Settings", "settings")],
        )
        behave(visited.page)
        assert not [line.url for line in visited.page.ledger.all() if LATER.search(line.url)]
    assert not [entry.url for entry in visited.site.served() if LATER.search(entry.url)]


def test_the_whole_article_is_asked_for_and_all_of_its_films_play(tmp_path: Path) -> None:
    with visit(tmp_path) as visited:
        visited.page.open(visited.site.url)
        answered = read_on(visited)
        assert (answered.pressed, answered.meant, answered.gone) == ("Accept and read on", "accept", True)
        played = {each.where: each.outcome for each in behave(visited.page) if each.behaviour == "play"}
        assert visited.page.quiet()  # although the ticker and the line of the readers go on
        frames = {frame.url: frame for frame in visited.page.frames()}
        assert set(frames) == {visited.site.url, *POSTS}
        for url in POSTS:
            assert played[url].startswith("plays: blob:")
            before, width = evaluated(
                visited,
                "[document.querySelector('video').currentTime, document.querySelector('video').videoWidth]",
                frames[url],
            )
            assert width == 640
            now = f"document.querySelector('video').currentTime > {before} || document.querySelector('video').ended"
            assert visited.page.devtools.until(lambda url=url, now=now: evaluated(visited, now, frames[url]), 10)
        shown = evaluated(visited, "document.body.innerText", frames[visited.site.url])
        film = evaluated(
            visited,
            "(v => [v.videoWidth, v.currentTime >= 96, v.duration > 200])(document.querySelector('video'))",
            frames[visited.site.url],
        )
        folded = evaluated(visited, "!document.querySelector('details').open", frames[visited.site.url])
        lines = visited.page.ledger.all()
    assert film == [960, True, True]
    assert folded is False  # although it came by scrolling
    for words in ("lights in the hall", "215 people are reading this", "THIS POST CAN NO LONGER BE FOUND", "08.44"):
        assert words in shown
    assert "Edition of Sunday 9 March 2025, the third of the day. Corrections of this story: none" in shown
    served = {named(entry.url) for entry in visited.site.served()}
    assert served == {*visited.site.expected_urls} - {LOST}
    assert served | {LOST} == {named(line.url).replace("wss://", "https://") for line in lines}
    worker = {
        line.asker for line in lines if line.url.endswith(("/edition.json", "/bits/corrections.json")) if line.sent
    }
    assert worker == {"service_worker"}
    assert [line.source for line in lines if line.url.endswith("/bits/corrections.json") and line.asker == "page"] == [
        Source.SERVICE_WORKER
    ]


def test_the_screenshot_shows_the_page_and_both_embedded_posts(tmp_path: Path) -> None:
    with visit(tmp_path) as visited:
        visited.page.open(visited.site.url)
        read_on(visited)
        behave(visited.page)
        place = "[...document.querySelectorAll('iframe')].map(each => each.getBoundingClientRect().toJSON())"
        visited.page.run("scroll.js", "start")
        boxes = evaluated(visited, place, visited.page.frames()[0])
        picture = Image.open(visited.photograph()).convert("RGB")
    assert picture.height > 6000
    assert len(boxes) == 2
    for box in boxes:
        inside = picture.crop((int(box["left"]), int(box["top"]), int(box["right"]), int(box["bottom"])))
        colours = inside.getcolors(1 << 20)
        # A frame that is not painted has one colour; these two hold drawings.
        assert colours is not None
        assert len(colours) > 1000


def test_everything_that_the_server_sent_is_read_from_the_tunnel_and_equal(tmp_path: Path) -> None:
    with visit(tmp_path) as visited:
        visited.page.open(visited.site.url)
        read_on(visited)
        behave(visited.page)
        visited.page.quiet()
    heard: dict[tuple[str, str, int, str], list[Heard]] = defaultdict(list)
    for each in visited.heard():
        status, part, _ = content(visited.bodies, each)
        heard[each.method, each.url.replace("wss://", "https://"), status, part].append(each)
    served: dict[tuple[str, str, int, str], list[Served]] = defaultdict(list)
    for entry in visited.site.served():
        served[entry.method, entry.url, entry.status, entry.range].append(entry)
    assert {key: len(each) for key, each in heard.items()} == {key: len(each) for key, each in served.items()}
    pairs = [
        (told, entry)
        for key, entries in served.items()
        for told, entry in zip(
            sorted(heard[key], key=lambda each: each.size), sorted(entries, key=lambda each: each.size), strict=True
        )
    ]
    assert [
        fault for told, entry in pairs if entry.status != 101 and (fault := unequal(visited.bodies, told, entry))
    ] == []
    unfinished = {urlsplit(told.url).path for told, entry in pairs if entry.status != 101 and not told.whole}
    assert unfinished - {"/film/vigil.mp4"} == {"/ticker", "/scans/weigh-book.jpg"}
    bodies = [(told.request, entry) for told, entry in pairs if entry.asked_size and entry.status != 101]
    assert len(bodies) == 2
    assert all(len(request.partition(b"\r\n\r\n")[2]) == entry.asked_size for request, entry in bodies)
    assert {entry.protocol for _, entry in pairs} == {"h2", "http/1.1"}
    [line] = [told for told, entry in pairs if entry.status == 101]
    passed = [json.loads(each) for each in (visited.bodies / line.messages).read_bytes().splitlines()]
    assert len(passed) >= 4
    versions = Counter(each.version for each in visited.told if isinstance(each, Peer))
    assert set(versions) == {"tls/1.2", "tls/1.3"}
    assert not [fault for each in visited.told if isinstance(each, Ended) for fault in each.faults]
    assert {refusal.host for refusal in visited.refused if refusal.host.endswith(".example")} == {"api.lantern.example"}


def test_the_expired_origin_is_refused_by_the_browser_and_nothing_is_sent_to_it(tmp_path: Path) -> None:
    with visit(tmp_path, patient=False) as visited:
        visited.page.open(visited.site.url)
        read_on(visited)
        behave(visited.page)
        failures = {urlsplit(line.url).netloc: line.failure for line in visited.page.ledger.all() if line.failure}
    assert failures[EXPIRED].startswith("net::ERR_CERT_")
    assert not [entry.url for entry in visited.site.served() if EXPIRED in entry.origin]
    assert EXPIRED in {each.server_name for each in visited.told if isinstance(each, Peer)}

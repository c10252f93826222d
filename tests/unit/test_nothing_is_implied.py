"""Law 2: what was not received is never implied. Each case looks complete at first sight, and is not."""

import gzip
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import hostile
from conftest import make_archive, make_desk
from muniment import catalogue, layout, manifest
from muniment.capture import commit
from muniment.capture.archive import Archive
from muniment.capture.frontier import Frontier, Want
from muniment.message.url import Url
from muniment.model import (
    Kind,
    Reason,
    Record,
    Role,
    State,
    Verdict,
)
from muniment.rules import Limits, Rules
from muniment.verify import Trust, verify

HTML = "Content-Type: text/html"
IMAGE = "Content-Type: image/png"


def captured(
    where: Path, route: Callable[[str], bytes], **changed: object
) -> tuple[Archive, str, manifest.Description, list[Record]]:
    """Capture the root of a site that answers as *route* says."""
    archive = make_archive(where)
    with hostile.Served(hostile.routing(route)) as served:
        url = Url.parse(served.url())
        port = url.port
        rules = Rules(
            limits=Limits(delay=0),
            allow_net=("127.0.0.0/8",),
            resolve=(f"{url.host}=127.0.0.1:{port}",),
            dns=False,
            **changed,  # type: ignore[arg-type]
        )
        done = commit.capture(url, make_desk(archive, rules), stop=threading.Event(), said=lambda *_: None)
    path = archive.path(layout.manifest(done.id))
    first, *rest = path.read_bytes().splitlines()
    records = [manifest.decode_record(line, path) for line in rest]
    return archive, done.id, manifest.decode_description(first, path), records


def page(body: bytes, *fields: str) -> bytes:
    return hostile.answer(body, "200 OK", HTML, *fields)


def on_root(body: bytes, *fields: str, others: bytes = b"") -> Callable[[str], bytes]:
    """Answer the root with a page and everything else with *others*, or an image."""
    image = others or hostile.answer(b"image", "200 OK", IMAGE)
    return lambda target: page(body, *fields) if target == "/" else image


def intact(archive: Archive) -> None:
    found = verify(archive.root, Trust.nobody())
    assert [each for each in found.findings if each.verdict is Verdict.FAIL] == []


def test_a_server_that_always_says_later_is_recorded_in_each_try_and_verifies(tmp_path: Path) -> None:
    later = hostile.answer(b"", "503 Later", "Retry-After: 0")
    archive, _, about, records = captured(tmp_path, on_root(b"<img src=a>", others=later))
    assert (about.asked, about.recorded, about.verdict) == (2, 2, State.PARTIAL)
    assert [line.outcome for line in records if line.role is Role.IMAGE and line.kind is Kind.RESPONSE] == [
        Reason.HTTP_5XX
    ] * 3
    intact(archive)


def test_what_lies_behind_the_part_of_a_page_that_is_read_is_said_to_be_unknown(tmp_path: Path) -> None:
    _, _, about, records = captured(tmp_path, on_root(b"<p>" + b"x" * (5 << 20) + b"<img src=a>"))
    (attempt,) = [line for line in records if line.kind is Kind.ATTEMPT]
    assert (attempt.outcome, about.verdict) == (Reason.LIMIT_RESOURCES, State.PARTIAL)


def test_menus_crowd_out_no_image(tmp_path: Path) -> None:
    anchors = b"".join(b"<nav><a href=/%d>x</a></nav>" % n for n in range(6_000))
    _, _, about, records = captured(tmp_path, on_root(anchors + b"<img src=a.png>"))
    assert [line.url.rsplit("/", 1)[1] for line in records if line.role is Role.IMAGE and line.status] == ["a.png"]
    assert about.verdict is State.FETCHED


def test_more_images_than_are_listed_make_a_capture_partial(tmp_path: Path) -> None:
    images = b"".join(b"<img src=%d>" % n for n in range(20_050))
    limits = Limits(delay=0, max_resources=1)
    archive = make_archive(tmp_path)
    with hostile.Served(hostile.routing(on_root(images))) as served:
        url = Url.parse(served.url())
        rules = Rules(
            limits=limits, allow_net=("127.0.0.0/8",), resolve=(f"{url.host}=127.0.0.1:{url.port}",), dns=False
        )
        done = commit.capture(url, make_desk(archive, rules), stop=threading.Event(), said=lambda *_: None)
    lines = archive.path(layout.manifest(done.id)).read_text().splitlines()
    # One by one up to 2,000; one attempt says how many more were found, one how many were not even listed.
    assert len([line for line in lines if '"limit-resources"' in line]) == 2_000 + 2


@pytest.mark.parametrize(
    ("fields", "body"),
    [(("Content-Encoding: xyz",), b"unreadable"), (("Content-Encoding: gzip",), b"not gzip at all")],
    ids=["unknown coding", "wrong coding"],
)
def test_an_article_that_cannot_be_decoded_is_not_called_fetched(
    tmp_path: Path, fields: tuple[str, ...], body: bytes
) -> None:
    _, _, about, records = captured(tmp_path, on_root(body, *fields))
    assert about.verdict is State.PARTIAL
    assert [line.outcome for line in records if line.kind is Kind.ATTEMPT] == [Reason.NOT_HTTP]


def test_a_gzip_bomb_is_read_to_the_bound_and_said_to_be_unknown_behind(tmp_path: Path) -> None:
    bomb = gzip.compress(b"<p>" + bytes(64 << 20), mtime=0)
    _, _, about, records = captured(tmp_path, on_root(bomb, "Content-Encoding: gzip"))
    assert about.verdict is State.PARTIAL
    assert [line.outcome for line in records if line.kind is Kind.ATTEMPT] == [Reason.LIMIT_RESOURCES]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (hostile.answer(b"half", "206 Partial", IMAGE, "Content-Range: bytes 0-3/1000"), Reason.TRUNCATED_LENGTH),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", Reason.EMPTY),
        (hostile.answer(b"", "200 OK", IMAGE), Reason.EMPTY),
        (hostile.answer(b"", "302 Found"), Reason.EMPTY),
    ],
    ids=["206", "304", "nothing", "no location"],
)
def test_an_answer_that_is_no_image_is_listed_as_missing(tmp_path: Path, answer: bytes, reason: Reason) -> None:
    archive, capture, _, _ = captured(tmp_path, on_root(b"<img src=a>", others=answer))
    assert [each["reason"] for each in catalogue.account(archive.root, capture)["missing"]] == [reason.value]


def test_a_refusal_before_a_redirect_that_led_to_the_image_is_not_missing(tmp_path: Path) -> None:
    asked: list[str] = []

    def route(target: str) -> bytes:
        asked.append(target)
        if target == "/":
            return page(b"<img src=/a>")
        if target == "/b":
            return hostile.answer(b"image", "200 OK", IMAGE)
        busy = asked.count("/a") == 1
        return hostile.answer(b"", "503 Busy", "Retry-After: 0") if busy else hostile.redirect("/b")

    archive, capture, about, _ = captured(tmp_path, route)
    assert catalogue.account(archive.root, capture)["missing"] == []
    assert about.verdict is State.FETCHED


def test_a_truncated_file_lets_no_check_of_its_records_pass(tmp_path: Path) -> None:
    archive, capture, _, _ = captured(tmp_path, on_root(b"<img src=a>"))
    warc = archive.path(layout.warc(capture, 0))
    warc.chmod(0o644)
    warc.write_bytes(warc.read_bytes()[: warc.stat().st_size // 2])
    found = verify(archive.root, Trust.nobody()).findings
    passed = {each.check.value for each in found if each.verdict is Verdict.PASS and warc.name in each.subject}
    assert passed == set()
    assert any("the file ends" in each.found for each in found)


def test_twenty_thousand_hosts_are_each_given_out_once_and_in_order() -> None:
    frontier = Frontier(per_host=2, most=100_000)
    for number in range(20_000):
        frontier.add(Want(f"http://h{number % 9_000}.example/{number}", Role.IMAGE, "", ""))
    given = []
    while (taken := frontier.take()) is not None:
        given.append(taken[0].url)
        frontier.done(taken[0])
    assert given == [f"http://h{number % 9_000}.example/{number}" for number in range(20_000)]

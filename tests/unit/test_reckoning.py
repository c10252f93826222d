"""The reckoning: what the browser says that it asked for, against what crossed the wire."""

import datetime as dt
from collections import Counter
from dataclasses import replace

import pytest

from muniment.capture.reckoning import Roles, encode, key, reckon
from muniment.fetch.browser.ledger import Asked, Source
from muniment.fetch.tunnel import Refusal
from muniment.model import Reason, Role

NOW = dt.datetime(2024, 12, 10, tzinfo=dt.UTC)
URL = "https://site.example/a"


def asked(n: int = 0, url: str = URL, **changes: object) -> Asked:
    line = {"method": "GET", "kind": "Image", "asker": "page", "frame": "f", "document": "https://site.example/"}
    line |= {"source": Source.NETWORK, "status": 200, "ended": True} | changes  # type: ignore[dict-item]
    return Asked(n, url, at=NOW, **line)  # type: ignore[arg-type]


def failed(n: int = 0, url: str = URL, **changes: object) -> Asked:
    return asked(n, url, **{"source": Source.NOTHING, "status": None, "failure": "net::ERR_FAILED"} | changes)


def crossed(*urls: str) -> Counter[tuple[str, str]]:
    return Counter(key("GET", url) for url in urls)


def test_what_crossed_is_matched_one_by_one_whatever_its_fragment() -> None:
    found = reckon([asked(0), asked(1, URL + "#top")], crossed(URL, URL, "https://site.example/other"), [])
    assert (found.asked, found.matched, found.missing) == (2, 2, ())
    assert found.unreported == ((("GET", "https://site.example/other"), 1),)


def test_of_two_equal_requests_the_one_that_failed_is_missing() -> None:
    found = reckon([failed(0), asked(1)], crossed(URL), [])
    assert [each.asked.n for each in found.missing] == [0]
    assert found.missing[0].reason is Reason.UNREACHABLE


def test_an_answer_that_the_browser_had_and_nobody_read_is_a_fault_of_ours() -> None:
    [missing] = reckon([asked()], crossed(), []).missing
    assert missing.reason is Reason.ENGINE_CRASH
    assert "no such exchange was read" in missing.detail


@pytest.mark.parametrize("source", [Source.MEMORY_CACHE, Source.DISK_CACHE, Source.SERVICE_WORKER])
def test_what_came_from_no_wire_needs_no_exchange(source: Source) -> None:
    assert reckon([asked(source=source)], crossed(), []).asked == 0


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        (URL, "site.example", 443),
        ("wss://site.example/socket", "site.example", 443),
        ("ws://site.example/socket", "site.example", 80),
        ("http://site.example:8080/", "site.example", 8080),
        ("https://[::1]/", "::1", 443),
        ("https://[::1]/", "[::1]", 443),
        ("https://~a~/", "~a~", 443),
    ],
)
def test_the_reason_of_the_tunnel_comes_before_the_browser_s_word(url: str, host: str, port: int) -> None:
    refused = [Refusal(host, port, NOW, Reason.BLOCKED_ADDRESS, "a private address")]
    [missing] = reckon([failed(url=url)], crossed(), refused).missing
    assert (missing.reason, missing.detail) == (Reason.BLOCKED_ADDRESS, "a private address")
    for elsewhere in (Refusal(host, port + 1, NOW, Reason.DNS, "x"), Refusal("x" + host, port, NOW, Reason.DNS, "x")):
        assert reckon([failed(url=url)], crossed(), [elsewhere]).missing[0].reason is Reason.UNREACHABLE
    later = Refusal(host, port, NOW, Reason.TIMEOUT, "no answer")
    assert reckon([failed(url=url)], crossed(), [*refused, later]).missing[0].reason is Reason.TIMEOUT


def test_a_url_that_nobody_can_read_has_the_browser_s_word() -> None:
    [missing] = reckon([failed(url="https://[/")], crossed(), []).missing
    assert (missing.reason, missing.detail) == (Reason.UNREACHABLE, "the browser says net::ERR_FAILED")


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        (
            {"canceled": True, "failure": ""},
            Reason.OUT_OF_SCOPE,
            "not asked for: the page itself gave it up before it was sent",
        ),
        (
            {"canceled": False, "failure": "net::ERR_ABORTED"},
            Reason.OUT_OF_SCOPE,
            "not asked for: the page itself gave it up before it was sent",
        ),
        ({"failure": "net::ERR_NAME_NOT_RESOLVED"}, Reason.DNS, "the browser says net::ERR_NAME_NOT_RESOLVED"),
        ({"failure": "", "ended": False}, Reason.INTERRUPTED, "the page was left before it was sent or answered"),
        (
            {"failure": "", "ended": True},
            Reason.ENGINE_CRASH,
            "the browser says that it was answered, and no such exchange was read",
        ),
        (
            {"failure": "", "ended": False, "status": 200},
            Reason.ENGINE_CRASH,
            "the browser says that it was answered, and no such exchange was read",
        ),
    ],
)
def test_what_nothing_crossed_for_has_a_reason_and_a_sentence(
    changes: dict[str, object], reason: Reason, detail: str
) -> None:
    [missing] = reckon([failed(**changes)], crossed(), []).missing
    assert (missing.reason, missing.detail) == (reason, detail)


def test_what_the_page_gave_up_itself_is_outside_of_the_rules_and_what_waited_was_interrupted() -> None:
    gave_up = failed(0, failure="net::ERR_ABORTED", canceled=True)
    waits = failed(1, URL + "2", failure="", ended=False)
    assert [each.reason for each in reckon([gave_up, waits], crossed(), []).missing] == [
        Reason.OUT_OF_SCOPE,
        Reason.INTERRUPTED,
    ]


def test_what_was_answered_and_then_given_up_crossed_the_wire_and_is_not_excused() -> None:
    [missing] = reckon([asked(failure="net::ERR_ABORTED", canceled=True)], crossed(), []).missing
    assert missing.reason is not Reason.OUT_OF_SCOPE


def test_a_redirect_that_the_browser_made_up_crossed_no_wire() -> None:
    made_up = asked(url="http://site.example/", status=307, connection="0")
    assert reckon([made_up], crossed(), []).asked == 0
    assert reckon([made_up], crossed("http://site.example/"), []).matched == 1
    assert len(reckon([asked(url="http://site.example/", status=307, connection="12")], crossed(), []).missing) == 1


def test_a_document_that_is_handed_to_the_browser_s_own_viewer_crossed_once() -> None:
    found = reckon([asked(0, connection="17"), asked(1, connection="0")], crossed(URL), [])
    assert (found.asked, found.matched, found.missing) == (1, 1, ())
    assert [
        each.asked.n for each in reckon([asked(0, connection="17"), asked(1, connection="0")], crossed(), []).missing
    ] == [0]


def test_of_equal_requests_those_that_came_to_an_end_crossed_and_then_the_first() -> None:
    waits, ended = failed(0, failure="", ended=False), asked(1)
    assert [each.asked.n for each in reckon([waits, ended], crossed(URL), []).missing] == [0]
    assert [each.asked.n for each in reckon([asked(1), asked(0)], crossed(URL), []).missing] == [1]
    found = reckon([asked(2), asked(0), asked(1)], crossed(), [])
    assert [each.asked.n for each in found.missing] == [0, 1, 2]
    assert (found.asked, found.matched, found.left_out) == (3, 0, 0)


def test_what_another_method_got_is_no_answer() -> None:
    found = reckon([asked(method="POST")], crossed(URL), [])
    assert (found.matched, found.unreported) == (0, ((("GET", URL), 1),))


def test_roles_are_the_browser_s_word_then_the_request_s() -> None:
    page = asked(0, "https://site.example/", kind="Document")
    roles = Roles([page], "f")
    assert roles.of(page, "image", "image/png") is Role.ARTICLE
    for changes in ({"frame": "g"}, {"asker": "iframe"}, {"frame": "g", "asker": "iframe"}):
        assert roles.of(replace(page, **changes), "document", "text/html") is Role.EMBED  # type: ignore[arg-type]
    kinds = {"Stylesheet": Role.STYLE, "Script": Role.SCRIPT, "Image": Role.IMAGE, "Font": Role.FONT}
    kinds |= {"TextTrack": Role.TEXT, "Media": Role.VIDEO, "Fetch": Role.OTHER, "": Role.OTHER}
    for kind, role in kinds.items():
        assert roles.of(asked(kind=kind), "style", "") is role


def test_without_the_browser_s_word_the_request_s_destination_tells() -> None:
    said = {"document": Role.ARTICLE, "style": Role.STYLE, "font": Role.FONT, "image": Role.IMAGE, "track": Role.TEXT}
    said |= {"video": Role.VIDEO, "audio": Role.AUDIO, "": Role.OTHER, "empty": Role.OTHER}
    said |= dict.fromkeys(("iframe", "frame", "embed", "object"), Role.EMBED)
    said |= dict.fromkeys(("script", "worker", "sharedworker", "serviceworker"), Role.SCRIPT)
    for destination, role in said.items():
        assert Roles([], "f").of(None, destination, "") is role
    assert Roles([], "f").of(None, "", "audio/mpeg") is Role.OTHER
    assert Roles([], "f").of(None, "video", "audio/mpeg") is Role.AUDIO


def test_media_are_sounds_where_destination_type_or_name_says_so() -> None:
    def role(destination: str, media_type: str, **changes: object) -> Role:
        return Roles([], "f").of(asked(kind="Media", **changes), destination, media_type)

    assert role("", "video/mp4") is Role.VIDEO
    assert role("", "audio/mpeg") is Role.AUDIO
    assert role("audio", "") is Role.AUDIO
    assert role("video", "") is Role.VIDEO
    fetched = asked(kind="Fetch")
    assert Roles([], "f").of(fetched, "audio", "") is Role.AUDIO
    assert Roles([], "f").of(fetched, "video", "") is Role.VIDEO
    assert Roles([], "f").of(fetched, "", "audio/mpeg") is Role.OTHER
    for end in ("m4a", "mp3", "oga", "ogg", "opus", "wav", "flac", "aac", "weba"):
        for name in (f"https://site.example/a.{end}", f"https://site.example/A.{end.upper()}?b.mp4"):
            assert role("", "", url=name, status=None) is Role.AUDIO
            assert role("", "video/mp4", url=name, status=200) is Role.VIDEO  # an answer says it better than its name
    assert role("", "", url="https://site.example/a.mp4?b.mp3", status=None) is Role.VIDEO


def test_a_request_by_a_document_speaks_for_those_of_workers_and_otherwise_the_first() -> None:
    worker, later = asked(0, asker="worker"), asked(1, asker="service_worker")
    assert Roles([worker, later], "f").asked("GET", URL + "#x") == worker
    for asker in ("page", "iframe"):
        document = asked(2, asker=asker)
        assert Roles([worker, later, document], "f").asked("GET", URL) == document
    assert Roles([worker], "f").asked("POST", URL) is None
    assert Roles([worker], "f").asked("GET", URL + "?") is None


def test_the_difference_is_written_down_with_who_asked() -> None:
    who = {"initiator": "script", "initiator_url": "https://site.example/a.js", "blocked": "x"}
    said = encode(reckon([failed(**who), asked(1, URL + "1")], crossed(URL + "1", URL + "2", URL + "2"), [], 3))
    assert said == {
        "v": 1,
        "type": "reckoning",
        "asked": 2,
        "recorded": 1,
        "missing": [
            {
                "url": URL,
                "method": "GET",
                "reason": "unreachable",
                "by": {
                    "kind": "Image",
                    "asker": "page",
                    "document": "https://site.example/",
                    "initiator": "script",
                    "script": "https://site.example/a.js",
                    "failure": "net::ERR_FAILED",
                    "blocked": "x",
                },
            }
        ],
        "unreported": [{"method": "GET", "url": URL + "2", "times": 2}],
        "left_out": 3,
    }
    [missing] = encode(reckon([asked(asker="", kind="")], crossed(), []))["missing"]
    assert missing["by"] == {"document": "https://site.example/"}


def test_of_a_long_difference_a_thousand_are_listed_and_the_rest_is_counted() -> None:
    for lack, surplus, left_out in ((1000, 1000, 7), (1001, 1002, 10), (999, 1, 7)):
        lacking = [failed(n, f"{URL}{n}") for n in range(lack)]
        found = encode(reckon(lacking, crossed(*(f"{URL}/{n}" for n in range(surplus))), [], 7))
        assert (len(found["missing"]), len(found["unreported"])) == (min(lack, 1000), min(surplus, 1000))
        assert found["left_out"] == left_out

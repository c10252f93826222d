"""The reckoning: what the browser says that it asked for, against what crossed the wire."""

import datetime as dt
from collections import Counter

import pytest

from muniment.capture.reckoning import Roles, encode, key, reckon
from muniment.capture.verdict import Sight, leads_nowhere, verdict
from muniment.digest import Digest
from muniment.fetch.browser.ledger import Asked, Source
from muniment.fetch.tunnel import Refusal
from muniment.model import Kind, Position, Reason, Record, Role, State

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


def test_the_reason_of_the_tunnel_comes_before_the_browser_s_word() -> None:
    refused = [Refusal("site.example", 443, NOW, Reason.BLOCKED_ADDRESS, "a private address")]
    for url in (URL, "wss://site.example/socket"):
        [missing] = reckon([failed(url=url)], crossed(), refused).missing
        assert (missing.reason, missing.detail) == (Reason.BLOCKED_ADDRESS, "a private address")


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


def test_roles_are_the_browser_s_word_then_the_request_s() -> None:
    lines = [
        asked(0, "https://site.example/", kind="Document"),
        asked(1, "https://post.example/", kind="Document", frame="g", asker="iframe"),
        asked(2, "https://site.example/v.mp4", kind="Media"),
        failed(3, "https://site.example/b.m4a?x", kind="Media"),
        asked(4, "https://site.example/data", kind="Fetch"),
    ]
    roles = Roles(lines, "f")
    assert [roles.of(line, "", "") for line in lines] == [
        Role.ARTICLE,
        Role.EMBED,
        Role.VIDEO,
        Role.AUDIO,
        Role.OTHER,
    ]
    assert roles.of(None, "style", "text/css") is Role.STYLE
    assert roles.of(None, "", "image/png") is Role.OTHER
    assert roles.asked("GET", "https://site.example/data#x") == lines[4]
    assert roles.asked("POST", "https://site.example/data") is None


def test_the_difference_is_written_down_with_who_asked() -> None:
    said = encode(reckon([failed(initiator="script", initiator_url="https://site.example/a.js")], crossed(), [], 3))
    assert (said["asked"], said["recorded"], said["left_out"]) == (1, 0, 3)
    assert said["missing"][0]["by"]["script"] == "https://site.example/a.js"


def test_only_what_can_lead_to_nothing_may_lack_in_a_complete_capture() -> None:
    assert leads_nowhere(Role.IMAGE, Reason.TLS_HANDSHAKE, None)
    assert leads_nowhere(Role.SCRIPT, Reason.HTTP_4XX, 404)
    assert not leads_nowhere(Role.SCRIPT, Reason.HTTP_4XX, 403)
    assert not leads_nowhere(Role.OTHER, Reason.TLS_HANDSHAKE, None)
    assert not leads_nowhere(Role.EMBED, Reason.TIMEOUT, None)


def line(n: int, kind: Kind, role: Role, outcome: Reason) -> Record:
    digest = Digest.of_bytes(b"")
    got = kind is Kind.RESPONSE
    return Record(
        n=n,
        kind=kind,
        salt=bytes(16),
        record_id=f"urn:uuid:00000000-0000-4000-8000-{n:012}",
        url=URL,
        date=NOW,
        position=Position("a.warc.gz", n, 1, digest),
        record=digest,
        size=9 if got else 0,
        role=role,
        status=200 if got else None,
        outcome=outcome,
    )


@pytest.mark.parametrize("reason", [Reason.CONSENT, Reason.ENGINE_CRASH, Reason.LIMIT_RESOURCES, Reason.LIMIT_TIME])
def test_what_a_page_lacked_is_not_answered_by_getting_its_url_again(reason: Reason) -> None:
    said = [
        line(1, Kind.RESPONSE, Role.ARTICLE, Reason.OK),
        line(2, Kind.ATTEMPT, Role.OTHER, reason),
        line(3, Kind.RESPONSE, Role.ARTICLE, Reason.OK),
    ]
    assert verdict(said, interrupted=False, sight=Sight.ALL) is State.PARTIAL


def test_a_peer_that_was_refused_and_let_in_has_answered_in_whatever_role() -> None:
    said = [
        line(1, Kind.ATTEMPT, Role.VIDEO, Reason.TLS_HANDSHAKE),
        line(2, Kind.RESPONSE, Role.ARTICLE, Reason.OK),
    ]
    assert verdict(said, interrupted=False, sight=Sight.ALL) is State.COMPLETE
    assert verdict(said[::-1], interrupted=False, sight=Sight.ALL) is State.PARTIAL
    assert verdict(said, interrupted=False, sight=Sight.LACKING) is State.PARTIAL


def test_no_browser_can_make_a_capture_without_an_article_anything_but_failed() -> None:
    for sight in Sight:
        assert verdict([], interrupted=False, sight=sight) is State.FAILED

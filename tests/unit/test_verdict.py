"""The verdict of a capture: earned by its lines alone."""

import datetime as dt
from dataclasses import replace

import pytest

from muniment.capture.verdict import Sight, leads_nowhere, verdict
from muniment.catalogue import last_words
from muniment.digest import Digest
from muniment.model import OBSTACLES, Kind, Position, Reason, Record, Role, State, Truncation

NOW = dt.datetime(2024, 12, 10, tzinfo=dt.UTC)
URL = "https://site.example/a"


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


SEED = line(1, Kind.RESPONSE, Role.ARTICLE, Reason.OK)


def beside(**changes: object) -> list[Record]:
    """Return the lines of a good article and of an image beside it that is like this."""
    image = line(2, Kind.RESPONSE, Role.IMAGE, Reason.OK)
    return [SEED, replace(image, url=URL + ".png", **changes)]  # type: ignore[arg-type]


def test_what_was_interrupted_is_nothing_else() -> None:
    for said in ([], [SEED], [replace(SEED, status=403)]):
        assert verdict(said, interrupted=True, sight=Sight.ALL) is State.INTERRUPTED


def test_complete_is_what_a_browser_saw_whole_and_without_one_it_is_fetched_at_best() -> None:
    assert verdict([SEED], interrupted=False) is State.FETCHED
    assert verdict([SEED], interrupted=False, sight=Sight.ALL) is State.COMPLETE
    assert verdict([SEED], interrupted=False, sight=Sight.LACKING) is State.PARTIAL


@pytest.mark.parametrize("sight", Sight)
@pytest.mark.parametrize("status", range(390, 530))
def test_an_article_that_was_refused_is_blocked_and_one_that_is_not_there_failed(status: int, sight: Sight) -> None:
    found = verdict([replace(SEED, status=status)], interrupted=False, sight=sight)
    if status < 400:
        assert found is verdict([SEED], interrupted=False, sight=sight)
    else:
        assert found is (State.BLOCKED if status in {401, 402, 403, 407, 429, 451} else State.FAILED)


def test_the_last_word_about_the_article_decides() -> None:
    later = replace(SEED, n=2, url=URL + "2", record_id="urn:uuid:00000000-0000-4000-8000-000000000002")
    assert verdict([SEED, replace(later, status=403)], interrupted=False) is State.BLOCKED
    assert verdict([replace(SEED, status=403), later], interrupted=False) is State.FETCHED
    assert verdict([SEED, replace(later, kind=Kind.ATTEMPT, status=None)], interrupted=False) is State.FAILED
    assert verdict([replace(SEED, role=Role.IMAGE)], interrupted=False) is State.FAILED


def test_an_article_of_no_octet_is_partial_and_one_octet_is_an_article() -> None:
    assert verdict([replace(SEED, size=0)], interrupted=False) is State.PARTIAL
    assert verdict([replace(SEED, size=1)], interrupted=False) is State.FETCHED
    assert verdict(beside(size=0), interrupted=False) is State.FETCHED


@pytest.mark.parametrize("outcome", [each for each in Reason if each is not Reason.HTTP_4XX])
def test_whatever_lacks_makes_it_partial_but_for_what_was_not_wanted(outcome: Reason) -> None:
    excused = {Reason.OK, Reason.REDIRECT, Reason.OUT_OF_SCOPE, Reason.MALFORMED_URL, Reason.EMPTY, Reason.SOFT_404}
    expected = State.COMPLETE if outcome in excused else State.PARTIAL
    assert verdict(beside(outcome=outcome), interrupted=False, sight=Sight.ALL) is expected
    assert verdict(beside(outcome=outcome, status=404), interrupted=False, sight=Sight.ALL) is expected
    assert leads_nowhere(Role.SCRIPT, outcome, 404) is (outcome in excused)


@pytest.mark.parametrize("status", range(395, 505))
def test_what_is_gone_at_its_source_lacks_nothing_unless_its_page_was_cut(status: int) -> None:
    gone = status in {404, 410}
    answer = beside(outcome=Reason.HTTP_4XX, status=status)
    assert verdict(answer, interrupted=False) is (State.FETCHED if gone else State.PARTIAL)
    cut = beside(outcome=Reason.HTTP_4XX, status=status, truncated=Truncation.LENGTH)
    assert verdict(cut, interrupted=False) is State.PARTIAL
    assert leads_nowhere(Role.SCRIPT, Reason.HTTP_4XX, status) is gone


def test_an_answer_without_an_end_is_not_missed() -> None:
    said = beside(outcome=Reason.TRUNCATED_LENGTH, truncated=Truncation.LENGTH)
    assert verdict(said, interrupted=False, sight=Sight.ALL, endless=[said[0].record_id]) is State.PARTIAL
    assert verdict(said, interrupted=False, sight=Sight.ALL, endless=[said[1].record_id]) is State.COMPLETE


@pytest.mark.parametrize("role", Role)
def test_of_what_can_lead_further_nothing_may_lack(role: Role) -> None:
    leaves = {Role.IMAGE, Role.VIDEO, Role.AUDIO, Role.FONT, Role.TEXT}
    assert leads_nowhere(role, Reason.TIMEOUT, None) is (role in leaves)


STANDS_FOR = {
    Reason.CHALLENGE: State.BLOCKED,
    Reason.LOGIN: State.BLOCKED,
    Reason.SOFT_404: State.WRONG_PAGE,
    Reason.PAYWALL: State.PARTIAL,
    Reason.CONSENT: State.PARTIAL,
    Reason.EMPTY: State.PARTIAL,
}


def before(page: Record, reason: Reason, n: int = 3) -> Record:
    """Return the attempt that says what stands before *page*."""
    return replace(line(n, Kind.ATTEMPT, Role.OTHER, reason), url=page.url, parent=page.record_id)


@pytest.mark.parametrize("reason", sorted(OBSTACLES))
def test_what_stands_before_the_page_decides_and_no_later_word_of_its_url_takes_it_back(reason: Reason) -> None:
    assert verdict([SEED, before(SEED, reason)], interrupted=False, sight=Sight.ALL) is STANDS_FOR[reason]
    for other in OBSTACLES - {reason}:
        said = [SEED, before(SEED, reason), before(SEED, other, 4), replace(SEED, n=5)]
        assert {each.outcome for each in last_words(said)} == {reason, other, Reason.OK}
        worst = {STANDS_FOR[reason], STANDS_FOR[other]}
        expected = next(each for each in (State.BLOCKED, State.WRONG_PAGE, State.PARTIAL) if each in worst)
        assert verdict(said, interrupted=False, sight=Sight.ALL) is expected


def test_a_challenge_is_a_refusal_whatever_its_status_and_nothing_else_mends_an_error() -> None:
    late = replace(SEED, status=503)
    assert verdict([late, before(SEED, Reason.CHALLENGE)], interrupted=False) is State.BLOCKED
    assert verdict([late, before(SEED, Reason.SOFT_404)], interrupted=False) is State.FAILED
    assert verdict([late, before(SEED, Reason.PAYWALL)], interrupted=False) is State.FAILED


@pytest.mark.parametrize("reason", sorted(OBSTACLES))
def test_what_stands_before_another_page_weighs_as_any_failure_of_it(reason: Reason) -> None:
    cited = replace(line(2, Kind.RESPONSE, Role.CITED, Reason.OK), url=URL + "cited")
    gone = reason in {Reason.SOFT_404, Reason.EMPTY}
    found = verdict([SEED, cited, before(cited, reason)], interrupted=False)
    assert found is (State.FETCHED if gone else State.PARTIAL)


def test_a_part_of_the_page_that_is_empty_says_nothing_of_the_page() -> None:
    for kind, role in ((Kind.RESPONSE, Role.OTHER), (Kind.ATTEMPT, Role.SCRIPT)):
        part = replace(line(2, kind, role, Reason.EMPTY), url=URL + ".js", parent=SEED.record_id)
        assert verdict([SEED, part], interrupted=False) is State.FETCHED

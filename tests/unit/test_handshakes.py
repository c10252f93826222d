"""The check "the site's key signed this handshake": what it passes, notes and refuses, connection by connection."""

import contextlib
import os
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import archives
from archives import Made
from conftest import SampleCapture, loopback_rules, make_archive, make_desk, times
from disk import KilledError
from muniment import canonical, catalogue, durable, layout, sample
from muniment.capture import commit
from muniment.capture.peers import documents
from muniment.digest import Digest
from muniment.fetch.handshake import Secrets
from muniment.message.url import Url
from muniment.model import Check, Connection, Exchange, Finding, Kind, Record, Role, Verdict
from muniment.report import document, page, terminal
from muniment.tls import signature
from muniment.tls.evidence import Evidence
from muniment.tls.evidence import decode as evidence_of
from muniment.tls.handshake import Message
from muniment.tls.record import Messages
from muniment.verification import Verification
from muniment.verify import Depth, handshakes, verify
from muniment.verify.checks import Findings
from muniment.verify.handshakes import Said
from muniment.verify.trust import Trust
from muniment.warc import reader
from shaken import TLS12, TLS13, Document, Site, Told, judged, over, records
from tls_streams import identity

HOST, OTHER = "news.example", "other.example"
VERSIONS = pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.of(tmp_path_factory.mktemp("site"), HOST, "*.news.example")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.of(tmp_path_factory.mktemp("other"), OTHER)


def captured(folder: Path, exchanges: Iterable[Exchange]) -> Made:
    return archives.captured(archives.begun(folder), "", [(each, Role.ARTICLE) for each in exchanges])


def verified(made: Made, depth: Depth = Depth.RECORDS) -> Verification:
    return verify(made.root, made.trust, depth=depth, outside=made.outside)


def of_handshakes(result: Verification) -> list[Finding]:
    return [each for each in result.findings if each.check is Check.HANDSHAKE]


# What a capture that was recorded honestly gives


@VERSIONS
@pytest.mark.parametrize("depth", list(Depth))
def test_handshakes_that_were_signed_pass_by_host_and_say_what_that_means(
    version: ssl.TLSVersion, depth: Depth, site: Site, other: Site, tmp_path: Path
) -> None:
    peers = [
        site.connection("c1", HOST, version),
        site.connection("c2", HOST, version),
        other.connection("c3", OTHER, version),
    ]
    result = verified(captured(tmp_path, [over(each, f"/{n}") for n, each in enumerate((*peers, peers[0]))]), depth)
    first, second = of_handshakes(result)
    assert (first.verdict, second.verdict, result.verdict) == (Verdict.PASS, Verdict.PASS, Verdict.PASS)
    assert first.subject.endswith(f"manifest.jsonl: {HOST}")
    assert first.detail.startswith("2 connections (c1, c2): the handshake is signed")
    assert str(Digest.of_bytes(site.who.der)) in first.detail
    assert ("the host's name too" in first.detail) == (version == TLS13)
    assert ("not the host's name" in first.detail) == (version == TLS12)
    assert "Neither what was sent over it nor when is signed" in first.detail
    assert second.detail.startswith("1 connection (c3): ")


def test_every_report_says_what_the_signatures_prove_and_what_they_do_not(site: Site, tmp_path: Path) -> None:
    signed, unsigned = site.connection("c1", HOST), replace(site.connection("c2", HOST), evidence=b"")
    result = verified(captured(tmp_path, [over(signed), over(unsigned)]))
    assert [each for each in result.proves if each.startswith("In 1 of 2 connections over TLS whoever holds the key")]
    limits = [
        each for each in result.does_not_prove if each.startswith("By the signature on a handshake: what was sent")
    ]
    assert limits
    assert "could have written any content" in limits[0]
    assert [each for each in result.does_not_prove if "for want of a signed handshake" in each]
    assert [each for each in result.not_checked if each.startswith("Certificates of web servers")]
    html = page.render(result, page.Occasion("case", signed.opened, "0"))
    for report in (terminal.render(result, archive="case", colour=False), html, document.render(result)):
        flat = " ".join(report.replace("&#x27;", "'").split())
        assert "any content" in flat
        assert "no evidence of the handshake was kept" in flat
    for report in (terminal.render(result, archive="case", colour=False), html):
        assert "The site's key signed the handshake (TLS)" in report.replace("&#x27;", "'")


def test_absence_is_noted_once_and_is_neither_pass_nor_failure(site: Site, tmp_path: Path) -> None:
    peers = [replace(site.connection(f"c{n}", f"h{n}.news.example"), evidence=b"") for n in range(30)]
    result = verified(captured(tmp_path, [over(each) for each in peers]))
    [found] = of_handshakes(result)
    assert (found.verdict, result.verdict, result.exit) == (Verdict.ABSENT, Verdict.PASS, 0)
    assert found.detail.startswith("30 connections (c0, c1, ")
    assert "c19 and 10 more" in found.detail
    assert "h0.news.example" in found.detail
    assert not [each for each in result.proves if "handshake" in each]


@pytest.mark.parametrize("why", ["resumed", "static-rsa"])
def test_a_handshake_without_a_signature_is_noted_with_the_reason(why: str, site: Site, tmp_path: Path) -> None:
    if why == "resumed":
        made = site.connection("c1", HOST, resumed=True)
    else:
        who = identity(tmp_path / "rsa", rsa.generate_private_key(65537, 2048))
        made = Site(who, tmp_path / "rsa").connection("c1", HOST, TLS12, ciphers="AES128-GCM-SHA256")
    result = verified(captured(tmp_path / "archive", [over(made)]))
    [found] = of_handshakes(result)
    assert (found.verdict, result.verdict) == (Verdict.ABSENT, Verdict.PASS)
    assert {"resumed": "earlier session", "static-rsa": "static RSA"}[why] in found.detail
    assert "nothing shows to others that the site's key took part" in found.detail
    assert not [each for each in result.proves if "handshake" in each]


@pytest.mark.parametrize("word", ["expired", "self-signed", "wrong-host"])
def test_the_signature_of_a_peer_that_was_not_accepted_is_noted_and_does_not_pass(
    word: str, site: Site, tmp_path: Path
) -> None:
    made = replace(site.connection("c1", HOST), tls=word)
    result = verified(captured(tmp_path, [over(made)]))
    [found] = of_handshakes(result)
    assert (found.verdict, result.verdict) == (Verdict.ABSENT, Verdict.PASS)
    assert f"not accepted at capture ({word}): whether it is the site's is not known" in found.detail


def test_plain_http_is_no_subject_of_the_check(tmp_path: Path) -> None:
    plain = replace(archives.exchange("http://news.example/", b"<p>", tls="none"))
    assert plain.connection is not None
    made = replace(plain.connection, chain=(), tls_version="", cipher="")
    assert of_handshakes(verified(captured(tmp_path, [replace(plain, connection=made)]))) == []


def test_a_host_that_the_certificate_names_may_share_the_connection(site: Site, tmp_path: Path) -> None:
    made = site.connection("c1", HOST)
    shared = [over(made), over(made, "/x", "www.news.example"), over(made, "/y", "NEWS.example:443")]
    assert [each.verdict for each in of_handshakes(verified(captured(tmp_path, shared)))] == [Verdict.PASS]


def test_what_was_asked_of_another_host_does_not_count_as_signed_by_the_one(site: Site, tmp_path: Path) -> None:
    """A client may send any Host: what came is kept, the signature is not said to be that host's, and nothing fails."""
    made = site.connection("c1", HOST)
    exchanges = [over(made, "/a", "fake.example"), over(made), over(made, "/b", "fake.example")]
    result = verified(captured(tmp_path, exchanges))
    signed, unsigned = of_handshakes(result)
    assert result.verdict is Verdict.PASS
    assert (signed.verdict, unsigned.verdict) == (Verdict.PASS, Verdict.ABSENT)
    assert signed.detail.startswith("1 connection (c1): ")
    assert unsigned.detail.startswith("1 connection (c1/fake.example): no evidence of the handshake was kept")


# What is recorded


def test_the_handshake_is_a_record_of_its_own_that_refers_to_its_connection(site: Site, tmp_path: Path) -> None:
    made = site.connection("c1", HOST)
    archive = captured(tmp_path, [over(made), over(made, "/again")])
    told = records(archive)
    at = next(n for n, (_, said) in enumerate(told) if said and said["type"] == "handshake")
    (about, connection), (line, said) = told[at - 1 : at + 1]
    assert [each and each["type"] for _, each in told].count("handshake") == 1
    assert connection is not None
    assert said is not None
    assert (connection["type"], connection["handshake"]) == ("connection", "signed")
    assert canonical.encode(said["evidence"]) == made.evidence
    assert (said["v"], said["connection"]) == (1, "c1")
    assert (line.kind, line.role, line.parent) == (Kind.METADATA, Role.OTHER, about.record_id)
    assert (line.connection, line.tls, line.chain) == (about.connection, about.tls, about.chain)
    with durable.opened(archive.warc()) as stream:
        head = reader.record_at(stream, line.position.offset, line.position.length, file="w").head
    assert head.value("WARC-Refers-To") == f"<{about.record_id}>"


@pytest.mark.parametrize("change", ["garbage", "forged", "another's", "its own after all"])
def test_evidence_that_would_fail_is_not_recorded_and_the_capture_goes_on(
    change: str, site: Site, other: Site, tmp_path: Path
) -> None:
    made = site.connection("c1", HOST)
    changed = {
        "garbage": b"\xff{}",
        "forged": made.evidence.replace(b'"secret":"', b'"secret":"AAAA'),
        "another's": other.connection("c1", OTHER).evidence,
        "its own after all": made.evidence,
    }[change]
    archive = captured(tmp_path, [over(replace(made, evidence=changed))])
    connection = next(said for _, said in records(archive) if said and said["type"] == "connection")
    good = change == "its own after all"
    assert ("handshake" in connection, "handshake_fault" in connection) == (good, not good)
    assert [each.verdict for each in of_handshakes(verified(archive))] == [Verdict.PASS if good else Verdict.ABSENT]


def test_the_index_tells_in_a_word_what_the_handshake_shows(site: Site, tmp_path: Path) -> None:
    peers = [
        site.connection("c1", HOST),
        site.connection("c2", HOST, resumed=True),
        replace(site.connection("c3", HOST), evidence=b""),
    ]
    made = captured(tmp_path, [over(each) for each in peers])
    path = made.path(layout.INDEX)
    assert catalogue.rebuild(made.root, path, lambda _: None).problems == ()
    with sqlite3.connect(path) as index:
        rows = index.execute("SELECT id, handshake FROM connections ORDER BY id").fetchall()
    assert rows == [("c1", "signed"), ("c2", "resumed"), ("c3", None)]
    assert catalogue.check(made.root, path, lambda _: None, 9).comparison.differences == ()


# What a sealed record may not say


def verdicts(told: Iterable[tuple[Record, Document | None]]) -> list[Verdict]:
    return [each.verdict for each in judged(told)]


@pytest.fixture(scope="module")
def told(site: Site, other: Site, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Give the records of two connections, c1 to HOST by TLS 1.3 and c2 to OTHER by TLS 1.2, as they were sealed."""
    peers = [site.connection("c1", HOST), other.connection("c2", OTHER, TLS12)]
    found = records(captured(tmp_path_factory.mktemp("told"), [over(each) for each in peers]))
    assert verdicts(found) == [Verdict.PASS, Verdict.PASS]
    return found


def changed(
    told: Told,
    kind: str,
    change: Callable[[Document], Document],
    number: str = "c1",
) -> Told:
    """Return *told* with the document of that *kind* about the connection *number* changed."""
    wanted = [n for n, (line, said) in enumerate(told) if said and said["type"] == kind and line.connection == number]
    assert wanted
    return [
        (line, change(dict(said)) if n in wanted and said is not None else said) for n, (line, said) in enumerate(told)
    ]


def lined(told: Told, kind: Kind, change: Callable[[Record], Record], number: str = "c1") -> Told:
    """Return *told* with the lines of that *kind* about the connection *number* changed."""
    assert [line for line, _ in told if line.kind is kind and line.connection == number]
    return [(change(line) if line.kind is kind and line.connection == number else line, said) for line, said in told]


def refusal(told: Iterable[tuple[Record, Document | None]]) -> Finding:
    """Return the one failure among what is said of *told*; whatever it is about does not pass as well."""
    found = judged(told)
    [failed] = [each for each in found if each.verdict is Verdict.FAIL]
    assert failed.expected != failed.found
    passed = [each for each in found if each.verdict is Verdict.PASS]
    assert len(passed) == 1
    return failed


CONNECTIONS: dict[str, Document] = {
    "chain": {"chain": [canonical.encode_base64(b"another")]},
    "no chain": {"chain": []},
    "host": {"host": "fake.example"},
    "version": {"tls_version": "tls/1.2"},
    "suite": {"cipher": "TLS_CHACHA20_POLY1305_SHA256"},
    "protocol": {"alpn": "h2"},
    "tls": {"tls": "none"},
    "address": {"address": "192.0.2.7"},
    "word": {"handshake": "resumed"},
    "no word": {"handshake": ""},
    "id": {"id": "c2"},
    "form": {"alpn": None},
    "chain of another form": {"chain": [7]},
    "chain in no base64": {"chain": ["?"]},
}


@pytest.mark.parametrize("what", CONNECTIONS)
def test_a_record_of_a_connection_that_says_anything_else_fails(what: str, told: Told) -> None:
    refusal(changed(told, "connection", lambda it: it | CONNECTIONS[what]))


HANDSHAKES: dict[str, Document] = {
    "version": {"v": 2},
    "no version": {"v": None},
    "true for a version": {"v": True},
    "connection": {"connection": "c2"},
    "no connection": {"connection": None},
    "no evidence": {"evidence": None},
    "text for evidence": {"evidence": "evidence"},
    "empty evidence": {"evidence": {"greeting": "", "protected": "", "secret": "", "v": 1}},
    "evidence of no version": {"evidence": {"greeting": "", "protected": "", "secret": ""}},
}


@pytest.mark.parametrize("what", HANDSHAKES)
def test_a_record_of_a_handshake_that_is_malformed_fails(what: str, told: Told) -> None:
    refusal(changed(told, "handshake", lambda it: it | HANDSHAKES[what]))


def test_what_later_versions_add_to_a_record_is_passed_over(told: Told) -> None:
    both = changed(changed(told, "handshake", lambda it: it | {"more": 1}), "connection", lambda it: it | {"more": 1})
    assert verdicts(both) == [Verdict.PASS, Verdict.PASS]


LINES: dict[str, Callable[[Record], Record]] = {
    "chain": lambda it: replace(it, chain=Digest.of_bytes(b"another")),
    "no chain": lambda it: replace(it, chain=None),
    "tls": lambda it: replace(it, tls="expired"),
    "address": lambda it: replace(it, address="192.0.2.7"),
    "host": lambda it: replace(it, url="https://fake.example/"),
    "host that hides": lambda it: replace(it, url="https://news.example@fake.example/"),
    "no URL": lambda it: replace(it, url="https://["),
}


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.REQUEST, Kind.METADATA])
@pytest.mark.parametrize("what", LINES)
def test_a_line_that_says_something_else_of_its_connection_fails(what: str, kind: Kind, told: Told) -> None:
    """An answer from elsewhere must not be put under a connection that somebody signed."""
    found = judged(lined(told, kind, LINES[what]))
    assert [each for each in found if each.verdict is Verdict.FAIL]
    assert not [each for each in found if each.verdict is Verdict.PASS and HOST in each.subject]


def test_handshakes_that_were_exchanged_between_two_hosts_fail_both(
    told: Told,
) -> None:
    evidences = {line.connection: said["evidence"] for line, said in told if said and said["type"] == "handshake"}
    crossed = changed(told, "handshake", lambda it: it | {"evidence": evidences["c2"]})
    crossed = changed(crossed, "handshake", lambda it: it | {"evidence": evidences["c1"]}, "c2")
    assert verdicts(crossed) == [Verdict.FAIL, Verdict.FAIL]


def test_answers_that_were_put_under_the_connection_of_another_host_fail(
    told: Told,
) -> None:
    theirs = next(line for line, _ in told if line.connection == "c2")
    moved = lined(told, Kind.RESPONSE, lambda it: replace(it, connection="c2", chain=theirs.chain))
    assert Verdict.FAIL in verdicts(moved)
    assert not [each for each in judged(moved) if each.verdict is Verdict.PASS and OTHER in each.subject]


def test_a_handshake_that_is_told_of_two_connections_fails_where_it_comes_again(
    told: Told, site: Site, tmp_path: Path
) -> None:
    made = site.connection("c1", HOST)
    twice = records(captured(tmp_path, [over(made), over(replace(made, id="c2"))]))
    assert sorted(verdicts(twice)) == [Verdict.FAIL, Verdict.PASS]
    findings = Findings()
    assert {each.verdict for each in judged(told, findings)} == {Verdict.PASS}
    assert {each.verdict for each in judged(told, findings)} == {Verdict.FAIL}  # in another capture


def test_a_handshake_stands_straight_after_the_record_of_its_connection_or_fails(
    told: Told,
) -> None:
    alone = [pair for pair in told if not (pair[1] and pair[1]["type"] == "connection" and pair[0].connection == "c1")]
    assert refusal(alone).found == "none"
    late = [*alone, next(pair for pair in told if pair[1] and pair[1]["type"] == "connection")]
    assert refusal(late).found == "none"
    lost = lined(told, Kind.METADATA, lambda it: replace(it, parent="") if it.role is Role.OTHER else it)
    assert refusal(lost).found == "another"


def test_a_second_handshake_of_a_connection_fails(told: Told, site: Site, tmp_path: Path) -> None:
    again = records(captured(tmp_path, [over(site.connection("c1", HOST))]))
    assert Verdict.FAIL in verdicts([*told, *again])
    assert not [each for each in judged([*told, *again]) if each.verdict is Verdict.PASS and HOST in each.subject]


def test_an_answer_over_tls_that_names_no_connection_is_noted(told: Told) -> None:
    nowhere = lined(told, Kind.RESPONSE, lambda it: replace(it, connection=""))
    assert verdicts(nowhere) == [Verdict.PASS, Verdict.PASS, Verdict.ABSENT]
    assert "unnamed" in judged(nowhere)[-1].detail


def test_what_is_no_record_of_a_connection_is_none(told: Told) -> None:
    quiet: list[Any] = [7, [], "handshake", {"type": "later"}, {"type": 7}, {}]
    for each in quiet:
        none = [(line, each if said and said["type"] == "handshake" else said) for line, said in told]
        assert verdicts(none) == [Verdict.ABSENT]


def test_a_block_that_is_too_long_is_not_held_and_shows_nothing() -> None:
    said = Said()
    for _ in range(10):
        said.write(b"[" * (1 << 20))
    assert said.facts("w") is None
    assert len(said._held) <= (4 << 20) + 1
    garbage = Said()
    garbage.write(b'{"type":')
    assert garbage.facts("w") is None


def test_a_record_that_is_damaged_is_named_and_is_no_absence(site: Site, tmp_path: Path) -> None:
    """Its digest fails already; that there were no evidence would be said of something that was taken away."""
    made = captured(tmp_path, [over(site.connection("c1", HOST))])
    line = next(line for line, said in records(made) if said and said["type"] == "handshake")
    for number in (line.n, line.n - 1):
        copy = made.copied(tmp_path / str(number))
        place = next(each for each, _ in records(made) if each.n == number).position
        octets = bytearray(copy.warc().read_bytes())
        octets[place.offset + place.length // 2] ^= 1
        copy.warc().write_bytes(octets)
        result = verified(copy)
        assert result.verdict is Verdict.FAIL
        assert of_handshakes(result) == []


def test_a_certificate_that_cannot_be_read_here_is_unverifiable(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that reads certificates may know fewer of them in ten years, and that is no forgery."""
    monkeypatch.setattr(signature, "_NAMES", {})
    found = judged(told)
    assert {each.verdict for each in found} == {Verdict.UNVERIFIABLE}
    assert "cannot check it" in found[0].detail


def test_certificates_without_end_are_not_held(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "_HELD", 500)
    assert [each.verdict for each in judged(told)] == [Verdict.UNVERIFIABLE, Verdict.PASS]


# Every bit


def flips(field: bytes, usual: int) -> list[int]:
    """Return some bits of *field* in each of their eight places, or all of them in a soak."""
    bits = 8 * len(field)
    return list(range(0, bits, max(1, bits // times(usual, bits) // 2 * 2 - 1)))


@pytest.mark.parametrize("field", ["greeting", "protected", "secret"])
def test_every_bit_of_the_evidence_of_tls_1_3_fails_the_check(field: str, told: Told) -> None:
    kept = kept_of(told, "c1")
    octets: bytes = getattr(kept, field)
    for bit in flips(octets, 150):
        damaged = bytearray(octets)
        damaged[bit // 8] ^= 1 << bit % 8
        text = canonical.encode_base64(bytes(damaged))
        lied = changed(told, "handshake", lambda it, text=text: it | {"evidence": it["evidence"] | {field: text}})
        assert refusal(lied).check is Check.HANDSHAKE, f"bit {bit} of {field}"


def test_every_bit_of_what_tls_1_2_signs_fails_the_check(told: Told) -> None:
    greeting = bytearray(kept_of(told, "c2").greeting)
    places, position = {}, 0
    messages = Messages("a test")
    messages.add(bytes(greeting))
    while (each := messages.next()) is not None:
        places[each[0]] = (position, position := position + len(each))
    # RFC 5246 7.4.1.2, 7.4.1.3: a random stands behind four octets of header and two of version.
    randoms = [range(start + 6, start + 38) for kind in (1, 2) for start in places[kind][:1]]
    spans = [*randoms, range(*places[Message.SERVER_KEY_EXCHANGE])]
    for bit in flips(bytes(sum(map(len, spans))), 150):
        at = [each for span in spans for each in span][bit // 8]
        greeting[at] ^= 1 << bit % 8
        text = canonical.encode_base64(bytes(greeting))
        lied = changed(
            told, "handshake", lambda it, text=text: it | {"evidence": it["evidence"] | {"greeting": text}}, "c2"
        )
        [found] = [each for each in judged(lied) if OTHER in each.subject or each.verdict is not Verdict.PASS]
        # A scheme of signature that is not known here is no forgery, and no pass.
        assert found.verdict in {Verdict.FAIL, Verdict.UNVERIFIABLE}, f"octet {at}"
        assert found.verdict is Verdict.FAIL or "a signature scheme of today" in found.detail
        greeting[at] ^= 1 << bit % 8


def kept_of(told: Told, number: str) -> Evidence:
    [found] = [
        said["evidence"] for line, said in told if said and said["type"] == "handshake" and line.connection == number
    ]
    return evidence_of(canonical.encode(found))


# Crashes


def test_a_crash_between_connection_and_handshake_leaves_no_failure(site: Site, tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    start = archives.article("a")[0][0].started
    with (
        contextlib.suppress(KilledError),
        archives.drafted(made, [(over(site.connection("c1", HOST)), Role.ARTICLE)], start) as draft,
    ):
        draft.recorder.close()
        line = next(each for each in draft.recorder.lines if each.role is Role.OTHER and each.parent)
        warc = made.root / f"{layout.warc(draft.id, 0)}{layout.OPEN_SUFFIX}"
        with warc.open("r+b") as torn:
            torn.truncate(line.position.offset + 20)
        raise KilledError
    assert [each.set_aside > 0 for each in archives.recovered(made)] == [True]
    result = verify(made.root, made.trust, outside=made.outside)
    assert result.verdict is Verdict.PASS
    assert [each.verdict for each in of_handshakes(result)] == [Verdict.ABSENT]


def test_the_documents_of_a_connection_are_the_same_for_ever(site: Site) -> None:
    made: Connection = site.connection("c1", HOST)
    assert documents(made) == documents(made)
    assert documents(replace(made, evidence=b""))[1] == b""


# A capture over loopback https


def test_a_capture_shows_of_every_server_that_its_key_took_part(sample_capture: SampleCapture) -> None:
    root = sample_capture.archive.root
    made = Made(root, sample_capture.archive.home, (sample_capture.id,))
    result = verify(root, Trust.nobody(), depth=Depth.PAYLOADS)  # the sites' signatures need no trust in the archive
    by_host = {each.subject.rpartition(": ")[2]: each for each in of_handshakes(result)}
    assert result.verdict is Verdict.UNVERIFIABLE
    hosts = {said["host"]: said["tls"] for _, said in records(made) if said and said["type"] == "connection"}
    secure = {host: tls for host, tls in hosts.items() if tls != "none"}
    assert by_host.keys() == secure.keys()
    for host, found in by_host.items():
        assert found.verdict is (Verdict.PASS if secure[host] == "ok" else Verdict.ABSENT)
        assert "tls/1.3" in found.detail
    assert "expired" in {tls for tls in secure.values() if tls != "ok"}


def test_no_secret_of_a_connection_but_the_one_is_anywhere_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    close = Secrets.close

    def closing(secrets: Secrets) -> None:
        if not secrets._file.closed:
            seen.append(os.pread(secrets._file.fileno(), 1 << 20, 0))
        close(secrets)

    monkeypatch.setattr(Secrets, "close", closing)
    with sample.serve(tmp_path / "site") as served:
        where = make_archive(tmp_path)
        desk = make_desk(where, loopback_rules(served))
        done = commit.capture(Url.parse(served.url), desk, stop=threading.Event(), said=lambda *_: None)
    lines = [line.split() for line in b"".join(seen).splitlines() if not line.startswith(b"#")]
    assert len(lines) >= 5 * 3
    made = Made(where.root, where.home, (done.id,))
    stored = [*archives.tree(where.root).values(), *archives.tree(where.home).values()]
    stored += [canonical.encode(said) for _, said in records(made) if said]
    found = set()
    for label, _, secret in lines:
        octets = bytes.fromhex(secret.decode())
        shapes = (octets, secret, canonical.encode_base64(octets).encode())
        found |= {label for each in stored if any(shape in each for shape in shapes)}
    assert found == {b"SERVER_HANDSHAKE_TRAFFIC_SECRET"}

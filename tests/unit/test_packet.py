"""Disclosure: a packet shows chosen records and nothing of their siblings, and three verifiers agree on it."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archives import SEED, VIDEO, Made, archive, begun, captured, exchange
from attacks_on_testimony import attested
from authorities import Tsa, new_tsa
from muniment import catalogue, layout
from muniment.capture import custody
from muniment.capture.sealing import signers
from muniment.errors import JobError
from muniment.export import Wanted, disclose
from muniment.model import EventType, Kind, Record, Role
from muniment.report import document
from muniment.verify.trust import authority_lines
from packets import VERIFIERS, all_asked, asked, judged, packet

COOKIE = b"session=7f3e9a55c0ffee"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return archive(tmp_path_factory.mktemp("packet"), "abc")


@pytest.fixture(scope="module")
def trust(made: Made) -> Path:
    return made.home / "trust.toml"


def lines(made: Made, capture: int = 0) -> tuple[Record, ...]:
    return catalogue.read(made.root, made.captures[capture]).records


def number(made: Made, url: str, kind: Kind) -> int:
    return next(line.n for line in lines(made) if line.url == url and line.kind is kind)


@pytest.fixture(scope="module")
def whole(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    video, page = number(made, VIDEO, Kind.RESPONSE), number(made, SEED, Kind.RESPONSE)
    return packet(made, tmp_path_factory.mktemp("whole") / "packet", video, video + 1, page)


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_a_packet_passes_with_each_verifier(whole: Path, trust: Path, verifier: str) -> None:
    found = asked(verifier, whole, trust)
    assert found.status == 0, found.text


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_without_trust_nothing_passes_and_nothing_fails(whole: Path, verifier: str) -> None:
    assert asked(verifier, whole, None).status == 4


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_a_key_in_the_packet_is_never_believed(whole: Path, tmp_path: Path, verifier: str) -> None:
    other = begun(tmp_path, "other")
    found = asked(verifier, whole, other.home / "trust.toml")
    assert found.status == 4, found.text


def test_a_packet_of_the_whole_manifest_has_every_path(made: Made, trust: Path, tmp_path: Path) -> None:
    every = packet(made, tmp_path / "every", *(line.n for line in lines(made)))
    for verifier, found in all_asked(every, trust).items():
        assert found.status == 0, (verifier, found.text)


def test_records_of_two_captures_lie_in_one_packet(made: Made, trust: Path, tmp_path: Path) -> None:
    disclose(made.root, [Wanted(each, (2,)) for each in made.captures[:2]], tmp_path / "two")
    for verifier, found in all_asked(tmp_path / "two", trust).items():
        assert found.status == 0, (verifier, found.text)


def test_a_packet_shows_nothing_of_the_siblings(made: Made, tmp_path: Path) -> None:
    # But random numbers: a line names the record that it belongs to, and its request.
    video = number(made, VIDEO, Kind.RESPONSE)
    folder = packet(made, tmp_path / "one", video)
    octets = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert VIDEO.encode() in octets
    for line in lines(made):
        if line.n == video:
            continue
        told = [line.salt.hex(), line.record.hex, line.position.member.hex]
        told += [line.payload.hex] if line.payload else []
        told += [line.url] if line.url and line.url != VIDEO else []
        assert [each for each in told if each.encode() in octets] == [], f"of line {line.n}"
    assert catalogue.read(made.root, made.captures[0]).description.salt.hex().encode() not in octets
    assert made.captures[1].encode() not in octets


def test_a_whole_record_is_the_stored_member_byte_for_byte(made: Made, whole: Path) -> None:
    line = lines(made)[number(made, VIDEO, Kind.RESPONSE) - 1]
    stored = made.warc().read_bytes()[line.position.offset :][: line.position.length]
    assert (whole / made.captures[0] / "records" / f"{line.n}.warc.gz").read_bytes() == stored


@pytest.fixture(scope="module")
def logged_in(tmp_path_factory: pytest.TempPathFactory) -> Made:
    plain = exchange(SEED, b"<title>Inbox</title>")
    sent = plain.request.replace(b"\r\n\r\n", b"\r\nCookie: " + COOKIE + b"\r\n\r\n")
    return captured(begun(tmp_path_factory.mktemp("in")), "a", [(replace(plain, request=sent), Role.ARTICLE)])


def test_what_carries_cookies_is_not_given_out_unless_it_is_named(logged_in: Made, tmp_path: Path) -> None:
    request = number(logged_in, SEED, Kind.REQUEST)
    with pytest.raises(JobError, match=f"--expose {logged_in.captures[0]}:{request}"):
        disclose(logged_in.root, [Wanted(logged_in.captures[0], (request,))], tmp_path / "no")
    assert not (tmp_path / "no").exists()
    disclose(logged_in.root, [Wanted(logged_in.captures[0], (request,), frozenset({request}))], tmp_path / "yes")
    given = (tmp_path / "yes" / logged_in.captures[0] / "records" / f"{request}.warc.gz").read_bytes()
    assert lines(logged_in)[request - 1].position.length == len(given)


def test_an_answer_that_sets_a_cookie_is_given_as_its_payload_alone(tmp_path: Path) -> None:
    plain = exchange(SEED, b"<title>Inbox</title>")
    assert plain.response is not None
    head, _, body = plain.response.read().partition(b"\r\n\r\n")
    answer = head + b"\r\nSet-Cookie: " + COOKIE + b"\r\n\r\n" + body
    plain.response.seek(0)
    plain.response.write(answer)
    plain.response.seek(0)
    size = len(answer) - len(body)
    made = captured(begun(tmp_path), "a", [(replace(plain, response_size=len(answer), head_size=size), Role.ARTICLE)])
    folder = packet(made, tmp_path / "packet", number(made, SEED, Kind.RESPONSE))
    octets = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert COOKIE not in octets
    assert (next(folder.rglob("*.payload*"))).read_bytes() == body
    assert list(folder.rglob("*.warc.gz")) == []
    for verifier, found in all_asked(folder, made.home / "trust.toml").items():
        assert found.status == 0, (verifier, found.text)
        assert "withheld" in found.text, verifier


def test_a_packet_is_never_made_over_something_nor_in_the_archive(made: Made, whole: Path) -> None:
    with pytest.raises(JobError, match="is there already"):
        disclose(made.root, [Wanted(made.captures[0], (2,))], whole)
    with pytest.raises(JobError, match="nothing is ever added"):
        disclose(made.root, [Wanted(made.captures[0], (2,))], made.root / "manifests" / "packet")


def test_a_record_that_is_not_there_is_named(made: Made, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=":99: the capture has the records 1 to"):
        disclose(made.root, [Wanted(made.captures[0], (99,))], tmp_path / "packet")


def test_a_seal_of_another_capture_proves_nothing_of_this_one(made: Made, trust: Path, tmp_path: Path) -> None:
    one = packet(made, tmp_path / "one", 2)
    other = packet(made, tmp_path / "other", 2, capture=1)
    for name in ("statement.dsse.json", "checkpoint", "statement.tlog-proof"):
        shutil.copy(other / made.captures[1] / name, one / made.captures[0] / name)
    for verifier, found in all_asked(one, trust).items():
        assert found.status == 1, (verifier, found.text)


@pytest.mark.parametrize(
    ("term", "status"),
    [
        ("until = 2024-01-01T00:00:00Z", 4),
        ("until = 2024-12-10T09:30:01Z", 4),
        ("until = 2030-01-01T00:00:00Z", 0),
        ("from = 2025-01-01T00:00:00Z", 4),
        ("from = 2024-01-01T00:00:00Z", 0),
        ("from = 2020-01-01T00:00:00Z\nuntil = 2030-01-01T00:00:00Z", 0),
        ("revoked = 2024-01-01T00:00:00Z", 4),
        ("revoked = 2030-01-01T00:00:00Z", 4),  # the claimed time is older, and no time-stamp says so
    ],
)
def test_a_key_is_believed_within_its_term(made: Made, whole: Path, tmp_path: Path, term: str, status: int) -> None:
    trusted = (made.home / "trust.toml").read_text(encoding="utf-8")
    file = tmp_path / "trust.toml"
    file.write_text(f"{trusted}{term}\n", encoding="utf-8")
    for verifier, found in all_asked(whole, file).items():
        assert found.status == status, (verifier, found.text)


def test_hostile_text_in_a_packet_cannot_forge_a_report(made: Made, trust: Path, tmp_path: Path) -> None:
    folder = packet(made, tmp_path / "packet", 2)
    (folder / "\x1b[32mok\nPASS all").write_bytes(b"")
    for verifier in ("verify.sh", "verify.py"):
        found = asked(verifier, folder, trust)
        assert found.status == 1
        assert "\x1b" not in found.text
        assert not [line for line in found.text.splitlines() if line.startswith("PASS")]


def test_what_is_said_of_a_packet_can_be_read_by_programs(whole: Path, trust: Path) -> None:
    found = json.loads(document.render(judged(whole, trust)))
    assert found["verdict"] == "pass"
    assert found["counts"]["records"] == 3


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return new_tsa(tmp_path_factory.mktemp("tsa") / "alpha", "Alpha", "rsa", intermediate=True)


@pytest.fixture(scope="module")
def timed(tsa: Tsa, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give a packet of a capture whose opening and statement were stamped, and the trust for it."""
    base = tmp_path_factory.mktemp("timed")
    made = attested(base, tsa)
    trust = base / "trust.toml"
    believed = (made.home / "trust.toml").read_text(encoding="utf-8") + authority_lines(tsa.name, tsa.roots)
    trust.write_text(believed, encoding="utf-8")
    return packet(made, base / "packet", 7), trust


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_the_time_of_a_packet_is_proved_by_each_verifier(timed: tuple[Path, Path], verifier: str) -> None:
    found = asked(verifier, *timed)
    assert found.status == 0, found.text
    assert "existed by" in found.text
    assert ("Sealed between" in found.text) == (verifier != "verify.sh")


def test_a_time_by_an_authority_that_nobody_names_is_undecided(timed: tuple[Path, Path], tmp_path: Path) -> None:
    known = timed[1].read_text(encoding="utf-8").partition("[[tsa]]")[0]
    (tmp_path / "trust.toml").write_text(known, encoding="utf-8")
    for verifier, found in all_asked(timed[0], tmp_path / "trust.toml").items():
        assert found.status == 4, (verifier, found.text)


@pytest.mark.parametrize("name", ["stamps", "opening.stamps"])
def test_a_token_over_another_checkpoint_fails(timed: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(timed[0], tmp_path / "packet")
    tokens = {each: next(folder.rglob(f"{each}/*.tsr")) for each in ("stamps", "opening.stamps")}
    other = next(path for each, path in tokens.items() if each != name)
    tokens[name].write_bytes(other.read_bytes())
    for verifier, found in all_asked(folder, timed[1]).items():
        assert found.status == 1, (verifier, found.text)


@pytest.fixture(scope="module")
def handed_on(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Made]:
    """Give a packet of a capture that two events are about, one of them not alone."""
    made = archive(tmp_path_factory.mktemp("handed"), "ab")
    for captures in (made.captures[:1], made.captures):
        deed = custody.Deed(EventType.TRANSFER, to="Second Institution")
        custody.record(made.archive, signers(made.archive, None), deed, captures, datetime.now(UTC))
    return packet(made, made.root.parent / "packet", 7), made.home / "trust.toml", made


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_who_held_it_is_told_and_nothing_of_other_captures(handed_on: tuple[Path, Path, Made], verifier: str) -> None:
    folder, trust, made = handed_on
    found = asked(verifier, folder, trust)
    assert found.status == 0, found.text
    assert len(list(folder.rglob("event-*.dsse.json"))) == 1
    octets = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert made.captures[1].encode() not in octets
    assert b"1 event more about other captures" in (folder / "VERIFY.md").read_bytes()
    if verifier != "muniment":
        assert "transfer" in found.text
        assert "Second Institution" in found.text


@pytest.mark.parametrize("fault", ["edited", "proof of another", "of another capture"])
def test_an_event_that_is_not_sealed_and_logged_fails(
    handed_on: tuple[Path, Path, Made], tmp_path: Path, fault: str
) -> None:
    folder = shutil.copytree(handed_on[0], tmp_path / "packet")
    event = next(folder.rglob("event-*.dsse.json"))
    proof = event.with_name(event.name.replace(".dsse.json", ".tlog-proof"))
    if fault == "edited":
        event.write_bytes(event.read_bytes().replace(b'"payload":"e', b'"payload":"f', 1))
    elif fault == "proof of another":
        shutil.copy(next(folder.rglob("statement.tlog-proof")), proof)
    else:
        made = handed_on[2]
        other = next(path for path in made.root.rglob("event-*.dsse.json") if path.name != event.name)
        event.write_bytes(other.read_bytes())
    for verifier, found in all_asked(folder, handed_on[1]).items():
        assert found.status == 1, (verifier, found.text)


def test_a_stolen_key_is_believed_where_a_token_is_older(timed: tuple[Path, Path], tmp_path: Path) -> None:
    text = timed[1].read_text(encoding="utf-8")
    head, operator, rest = text.partition("[[operator]]\n")
    later = datetime.now(UTC) + timedelta(days=1)
    for since, status in ((f"{later:%Y-%m-%dT%H:%M:%SZ}", 0), ("2020-01-01T00:00:00Z", 4)):
        trust = tmp_path / f"{status}.toml"
        trust.write_text(f"{head}{operator}revoked = {since}\n{rest}", encoding="utf-8")
        assert judged(timed[0], trust).exit == status


@pytest.mark.parametrize("name", ["*.payload.mp4", "*.warc.gz", "*.json", "*.path", "checkpoint", "*.tlog-proof"])
def test_ten_gigabytes_of_zeros_are_refused(whole: Path, trust: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(whole, tmp_path / "packet")
    with next(folder.rglob(name)).open("r+b") as stream:
        stream.truncate(10 << 30)  # which cost no disk
    for verifier, found in all_asked(folder, trust).items():
        assert found.status == 1, (verifier, found.text)


@pytest.mark.parametrize(
    ("ago", "extra", "status"),
    [
        (timedelta(days=-1), "", 1),
        (timedelta(days=365), "", 1),
        (timedelta(seconds=20), 'max_stamp_delay = "1s"\n', 4),
        (timedelta(seconds=20), 'max_stamp_delay = "2h"\n', 0),
    ],
    ids=["post-dated", "back-dated", "stamped late", "in time"],
)
def test_a_claimed_time_is_held_against_the_time_stamps(
    tsa: Tsa, tmp_path: Path, ago: timedelta, extra: str, status: int
) -> None:
    made = attested(tmp_path, tsa, ago=ago)
    believed = (made.home / "trust.toml").read_text(encoding="utf-8") + authority_lines(tsa.name, tsa.roots)
    (tmp_path / "trust.toml").write_text(extra + believed, encoding="utf-8")
    for verifier, found in all_asked(packet(made, tmp_path / "packet", 7), tmp_path / "trust.toml").items():
        assert found.status == status, (verifier, found.text)


def test_without_checkpoint_and_statement_nothing_breaks_though_events_are_there(
    handed_on: tuple[Path, Path, Made], tmp_path: Path
) -> None:
    for name in ("checkpoint", "statement.dsse.json", "statement.tlog-proof"):
        folder = shutil.copytree(handed_on[0], tmp_path / name)
        next(folder.rglob(name)).unlink()
        for verifier, found in all_asked(folder, handed_on[1]).items():
            assert found.status == 1, (verifier, found.text)


def test_what_a_stamp_that_was_cut_short_left_is_not_handed_on(tsa: Tsa, tmp_path: Path) -> None:
    made = attested(tmp_path, tsa)
    for size in (1, 2, 4):
        stamps = made.path(layout.stamps(made.origin, size))
        stamps.mkdir(exist_ok=True)
        (stamps / f"beta-{'0' * 64}.tsq").write_bytes(b"a request that nobody answered")
    cosigned = made.path(layout.cosignatures(made.origin, 4))
    (cosigned / ".half.cosig.01234567.tmp").write_bytes(b"")
    believed = (made.home / "trust.toml").read_text(encoding="utf-8") + authority_lines(tsa.name, tsa.roots)
    (tmp_path / "trust.toml").write_text(believed, encoding="utf-8")
    folder = packet(made, tmp_path / "packet", 7)
    assert len(list(folder.rglob("*.tsr"))) == 2  # the size that has a token, not the one that has half a stamp
    for verifier, found in all_asked(folder, tmp_path / "trust.toml").items():
        assert found.status == 0, (verifier, found.text)


def test_an_event_that_is_lost_is_named_and_no_packet_is_quietly_made_without_it(tmp_path: Path, tsa: Tsa) -> None:
    made = attested(tmp_path, tsa)
    next(made.root.rglob("event-*.dsse.json")).unlink()
    with pytest.raises(JobError, match="the log names this event, and its file is not there; `muniment recover`"):
        packet(made, tmp_path / "packet", 7)

"""What is sealed well and is not so: each single thing that is said is held against what lies around it.

A good signature proves only who said it.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import archives
from archives import Made
from muniment import canonical, layout, manifest
from muniment.digest import Digest
from muniment.errors import FormatError, StoreError
from muniment.log import note
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.manifest import Opening, Statement
from muniment.model import Check, Finding, Verdict
from muniment.seal import SigningKey, dsse
from muniment.seal.keys import KeyRole, load
from muniment.verify import Depth, Outside, verify
from muniment.verify.checks import Findings, Scope
from muniment.verify.files import digested

OTHER = Digest.of_bytes(b"another")
OTHER_ID = "20200101T000000Z-aaaaaa"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Give an archive of one capture that no test changes."""
    return archives.archive(tmp_path_factory.mktemp("claims"), "a")


@pytest.fixture
def made(sealed: Made, tmp_path: Path) -> Made:
    """Give a copy of that archive, in which somebody who holds the key may say something else."""
    return sealed.copied(tmp_path / "copy")


def failed(made: Made, check: Check) -> list[Finding]:
    findings = verify(made.root, made.trust, outside=made.outside).findings
    return [each for each in findings if each.check is check and each.verdict is Verdict.FAIL]


def line_says(made: Made, change: Callable[[dict[str, Any]], dict[str, Any]], kind: str = "response") -> None:
    """Let the last line of *kind* in the manifest say something else, in its canonical form."""
    path = made.path(layout.manifest(made.captures[0]))
    lines = [canonical.decode(each, path) for each in path.read_bytes().splitlines()]
    at = max(number for number, each in enumerate(lines) if each["kind"] == kind)
    lines[at] = change(lines[at])
    path.write_bytes(b"".join(canonical.encode(each) + b"\n" for each in lines))


LINES: dict[str, dict[str, Any]] = {
    "identifier": {"record_id": "urn:uuid:00000000-0000-4000-8000-000000000000"},
    "type": {"kind": "resource"},
    "URL": {"url": "https://social.example/another.mp4"},
    "date": {"date": "2024-12-10T09:30:13.000251Z"},
    "truncation": {"truncated": "length"},
    "address": {"address": "127.0.0.8"},
    "payload digest": {"payload": str(OTHER)},
}


@pytest.mark.parametrize("what", LINES)
def test_each_thing_that_a_line_says_of_its_record_is_held_against_the_record(what: str, made: Made) -> None:
    # A response cannot be called a resource without its status; a metadata record can.
    line_says(made, lambda line: line | LINES[what], "metadata" if what == "type" else "response")
    named = [each.detail for each in failed(made, Check.MANIFEST_WARC)]
    assert named == [f"The record's {what} is not what its line in the manifest says."]


@pytest.mark.parametrize("url", ["https://[", "https://[::1", "//", "", "\u2100://\u2100/", "https://a]b/\x1b"])
def test_a_line_whose_url_is_none_is_a_finding_and_never_an_error(url: str, made: Made) -> None:
    line_says(made, lambda line: {name: each for name, each in (line | {"tls": "expired", "url": url}).items() if each})
    assert failed(made, Check.MERKLE_ROOT)
    assert [each.detail for each in failed(made, Check.MANIFEST_WARC)]


def states(made: Made, change: Callable[[Statement], Statement]) -> None:
    path = made.path(layout.statement(made.captures[0]))
    said = manifest.decode_statement(dsse.unverified_payload(path.read_bytes()), path)
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    path.write_bytes(dsse.seal(manifest.encode_statement(change(said)), manifest.PAYLOAD_TYPE, [key]))


STATEMENTS: dict[str, tuple[Check, Callable[[Statement], Statement]]] = {
    "(capture)": (Check.STATEMENT, lambda it: replace(it, capture=OTHER_ID)),
    "(time of opening, which the capture's name carries)": (
        Check.STATEMENT,
        lambda it: replace(it, opened=it.opened - timedelta(seconds=1)),
    ),
    "(time of closing)": (Check.STATEMENT, lambda it: replace(it, closed=it.opened - timedelta(microseconds=1))),
    "(number of records)": (Check.STATEMENT, lambda it: replace(it, records=it.records + 1)),
    "(number of attempts)": (Check.STATEMENT, lambda it: replace(it, attempts=it.attempts + 1)),
    "(files that it seals)": (Check.STATEMENT, lambda it: replace(it, subjects=it.subjects[::-1])),
    "Merkle root": (Check.MERKLE_ROOT, lambda it: replace(it, root=OTHER)),
    "(digest of the opening that the statement quotes)": (
        Check.OPENING,
        lambda it: replace(it, opening=replace(it.opening, sealed=OTHER)),
    ),
    "(log of the opening that the statement quotes)": (
        Check.OPENING,
        lambda it: replace(it, opening=replace(it.opening, origin="another.log")),
    ),
    "(leaf of the opening that the statement quotes)": (
        Check.OPENING,
        lambda it: replace(it, opening=replace(it.opening, index=1)),
    ),
    "(checkpoint that the statement quotes)": (
        Check.OPENING,
        lambda it: replace(it, opening=replace(it.opening, checkpoint=OTHER)),
    ),
    "(time of opening)": (Check.OPENING, lambda it: replace(it, opened=it.opened + timedelta(microseconds=1))),
}


@pytest.mark.parametrize("what", STATEMENTS)
def test_each_thing_that_a_statement_says_is_held_against_what_lies_around_it(what: str, made: Made) -> None:
    check, change = STATEMENTS[what]
    states(made, change)
    assert not failed(made, Check.STATEMENT_SIGNATURE)
    assert [each for each in failed(made, check) if what in each.detail], [each.detail for each in failed(made, check)]


def test_a_checkpoint_that_does_not_cover_the_opening_is_no_proof_of_it(made: Made) -> None:
    states(made, lambda it: replace(it, opening=replace(it.opening, size=it.opening.index)))
    assert "does not cover leaf 0" in failed(made, Check.OPENING)[0].found


OPENINGS: dict[str, Callable[[Opening], Opening]] = {
    "(capture)": lambda it: replace(it, capture=OTHER_ID),
    "(seed, which the opening commits to)": lambda it: replace(it, seed="https://news.example/another"),
    "(time of opening)": lambda it: replace(it, opened=it.opened + timedelta(seconds=1)),
}


@pytest.mark.parametrize("what", OPENINGS)
def test_each_thing_that_an_opening_says_is_held_against_what_lies_around_it(what: str, made: Made) -> None:
    path = made.path(layout.opening(made.captures[0]))
    said = manifest.decode_opening(dsse.unverified_payload(path.read_bytes()), path)
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    path.write_bytes(dsse.seal(manifest.encode_opening(OPENINGS[what](said)), manifest.PAYLOAD_TYPE, [key]))
    assert [each for each in failed(made, Check.OPENING) if what in each.detail]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"capture": OTHER_ID}, "capture that the manifest describes"), ({"recorded": 9}, "at most those asked for")],
    ids=["capture", "recorded"],
)
def test_what_a_manifest_says_of_its_capture_is_held_against_the_statement(
    change: dict[str, Any], words: str, made: Made
) -> None:
    line_says(made, lambda line: line | change, kind="capture")
    assert [each for each in failed(made, Check.STATEMENT) if words in each.detail]


def test_a_capture_that_the_log_closes_before_it_opens_it_is_named(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "a")
    journal = Journal(made.root, made.origin)
    opened, closed = journal.entries()
    shutil.rmtree(journal.folder)
    for leaf in (closed, opened):
        journal.append(leaf, load(made.archive.keys, KeyRole.LOG, None), tmp_path / "elsewhere" / "checkpoint")
    [named] = [
        each
        for each in verify(made.root, made.trust).findings
        if each.check is Check.OPEN_CAPTURES and each.verdict is Verdict.FAIL
    ]
    assert (named.expected, named.found) == (
        f"a closing behind leaf 1 of {made.origin}, which opened it",
        f"leaf 0 of {made.origin}",
    )


def test_a_giving_up_of_another_opening_gives_up_nothing(tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    with archives.drafted(made, [], datetime(2024, 12, 10, 9, 30, tzinfo=UTC)) as capture:
        pass
    leaf = Leaf(LeafType.ABANDONED, capture.id, OTHER).encode()
    Journal(made.root, made.origin).append(leaf, load(made.archive.keys, KeyRole.LOG, None), made.archive.remembered)
    [named] = failed(made, Check.OPEN_CAPTURES)
    opening = Digest.of_bytes(made.path(layout.opening(capture.id)).read_bytes())
    assert (named.expected, named.found) == (str(opening), str(OTHER))


def test_a_leaf_too_many_in_a_bundle_is_named(made: Made) -> None:
    bundle = made.path(layout.log(made.origin)) / str(layout.tile("entries", 0, 2))
    leaf = Leaf(LeafType.EVENT, "forged", OTHER).encode()
    bundle.write_bytes(bundle.read_bytes() + len(leaf).to_bytes(2) + leaf)
    named = [each for each in failed(made, Check.LOG_TREE) if each.subject.endswith("tile/entries/000.p/2")]
    assert (named[0].expected, named[0].found) == ("2 entries", "3")


@pytest.mark.parametrize("change", [lambda octets: octets[:-1], lambda octets: octets + bytes(32)], ids=["cut", "more"])
def test_a_tile_of_another_length_is_never_read_as_hashes(change: Callable[[bytes], bytes], made: Made) -> None:
    tile = made.path(layout.log(made.origin)) / str(layout.tile(0, 0, 2))
    tile.write_bytes(change(tile.read_bytes()))
    with pytest.raises(FormatError, match="2 hashes of 32 octets"):
        Journal(made.root, made.origin).nodes(2)(0, 0)


@pytest.mark.parametrize("size", [1, 2])
def test_a_root_that_the_logs_own_key_signed_is_held_against_the_leaves(size: int, made: Made) -> None:
    key = load(made.archive.keys, KeyRole.LOG, None)
    signed = note.sign(note.Checkpoint(made.origin, size, OTHER.value), key)
    made.path(layout.checkpoint_at(made.origin, size)).write_bytes(signed)
    made.path(layout.checkpoint(made.origin)).write_bytes(signed)
    named = {each.subject: each.expected for each in failed(made, Check.CHECKPOINT)}
    assert named[str(layout.checkpoint_at(made.origin, size))] == f"the root {OTHER.hex}"
    assert named[str(layout.checkpoint(made.origin))] == "the root over the leaves"


@pytest.mark.parametrize("name", [layout.checkpoint, lambda origin: layout.checkpoint_at(origin, 1)])
def test_a_checkpoint_holds_the_logs_signature_alone(name: Callable[[str], object], made: Made) -> None:
    path = made.path(name(made.origin))
    path.write_bytes(path.read_bytes() + "— stranger AAAAAAAA\n".encode())
    [named] = [each for each in failed(made, Check.CHECKPOINT) if each.subject == str(name(made.origin))]
    assert "with the log's signature alone" in named.expected


def test_what_is_remembered_counts_only_under_a_key_that_is_trusted(made: Made) -> None:
    stranger = SigningKey.of_seed(b"stranger".ljust(32, b"."))
    seen = note.sign(note.Checkpoint(made.origin, 1, OTHER.value), stranger)
    findings = verify(made.root, made.trust, outside=Outside(remembered=lambda _: seen)).findings
    [named] = [each for each in findings if each.check is Check.ROLLBACK]
    assert named.verdict is Verdict.UNVERIFIABLE


def test_a_file_that_is_digested_is_read_forward_only(made: Made) -> None:
    scope = Scope(made.root, made.trust, Outside(), Depth.RECORDS, Findings())
    with digested(scope, str(layout.manifest(made.captures[0]))) as stream:
        stream.read(10)
        with pytest.raises(StoreError, match="read forward only"):
            stream.seek(0)


def test_a_log_that_is_not_the_one_that_was_remembered_is_a_failure_at_any_length(made: Made) -> None:
    key = load(made.archive.keys, KeyRole.LOG, None)
    seen = note.sign(note.Checkpoint(made.origin, 1, OTHER.value), key)
    findings = verify(made.root, made.trust, outside=Outside(remembered=lambda _: seen)).findings
    [named] = [each for each in findings if each.check is Check.ROLLBACK]
    assert (named.verdict, named.expected) == (Verdict.FAIL, f"the root {OTHER.hex} at 1 leaves")


def test_a_key_file_lies_under_the_name_of_its_key_only(made: Made) -> None:
    for path in made.path(layout.public_keys()).iterdir():
        path.rename(path.with_name(f"other{path.suffix}"))
    named = failed(made, Check.PUBLIC_KEYS)
    assert len(named) == 2
    assert {each.found for each in named} == {"another name or spelling"}


def test_one_key_in_both_roles_is_noted(tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    (made.archive.keys / "log.pem").unlink()
    shutil.copy(made.archive.keys / "operator.pem", made.archive.keys / "log.pem")
    made = archives.captured(made, "a")
    key = load(made.archive.keys, KeyRole.LOG, None).public
    trusted = replace(made.trust, logs=(note.VerifierKey(made.origin, key),))
    [named] = [each for each in verify(made.root, trusted).findings if each.check is Check.KEY_SEPARATION]
    assert named.verdict is Verdict.ABSENT
    assert "have one key" in named.detail


def test_a_copy_of_the_newest_checkpoint_that_is_more_than_one_behind_is_a_failure(tmp_path: Path) -> None:
    made = archives.archive(tmp_path, "ab")
    copy = made.path(layout.checkpoint(made.origin))
    copy.write_bytes(made.path(layout.checkpoint_at(made.origin, 2)).read_bytes())
    [named] = failed(made, Check.CHECKPOINT)
    assert (named.subject, named.found) == (str(layout.checkpoint(made.origin)), "the one at 2")

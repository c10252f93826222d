"""Every way of breaking an archive is found, named and placed; nothing that is whole is called broken."""

import gzip
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import archives
from archives import Made
from muniment import canonical, layout, manifest
from muniment.capture.commit import signers
from muniment.capture.recovery import recover
from muniment.digest import Digest
from muniment.errors import JobError, StoreError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.manifest import Statement
from muniment.model import Check, Finding, Record, Role, Verdict
from muniment.seal import SigningKey, dsse
from muniment.seal.keys import KeyRole, load
from muniment.verification import Verification
from muniment.verify import Depth, Outside, Trust, trust, verify
from muniment.verify.checks import judged

_BAD = {Verdict.FAIL, Verdict.UNVERIFIABLE}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Give an archive of two captures that no test changes."""
    return archives.archive(tmp_path_factory.mktemp("sealed"), "ab")


@pytest.fixture
def made(sealed: Made, tmp_path: Path) -> Made:
    """Give a copy of that archive to break."""
    return sealed.copied(tmp_path / "copy")


@pytest.fixture
def own(tmp_path: Path) -> Made:
    """Give an archive of one capture, with a home of its own, so that more can be captured into it."""
    return archives.archive(tmp_path, "a")


def verified(made: Made, **options: object) -> Verification:
    return verify(made.root, made.trust, outside=made.outside, **options)  # type: ignore[arg-type]


def found(result: Verification, check: Check, verdict: Verdict = Verdict.FAIL) -> list[Finding]:
    return [each for each in result.findings if each.check is check and each.verdict is verdict]


def subjects(result: Verification, *verdicts: Verdict) -> list[str]:
    return [each.subject for each in result.findings if each.verdict in (verdicts or _BAD)]


def lines(made: Made, capture: int = 0) -> list[Record]:
    raw = made.path(layout.manifest(made.captures[capture])).read_bytes().splitlines()[1:]
    return [manifest.decode_record(each, "line") for each in raw]


def relative(made: Made, path: Path) -> str:
    return path.relative_to(made.root).as_posix()


# What is whole passes.


@pytest.mark.parametrize("depth", list(Depth))
def test_an_untouched_archive_passes_and_says_what_that_does_not_prove(sealed: Made, depth: Depth) -> None:
    result = verified(sealed, depth=depth)
    assert subjects(result) == []
    assert (result.verdict, result.exit) == (Verdict.PASS, 0)
    assert result.counts["captures"] == 2
    assert result.counts["records"] == 18
    assert result.counts["attempts"] == 2
    assert len(found(result, Check.ANCHORED, Verdict.ABSENT)) == 1
    assert any("TLS leaves no proof" in each for each in result.does_not_prove)
    assert any("'Desk 1'" in each for each in result.proves)
    passed = {each.check for each in result.findings if each.verdict is Verdict.PASS}
    # The chains of these exchanges are made up, and nobody signed anything.
    never = {
        Check.AGAINST,
        Check.WITNESSES,
        Check.FILE,
        Check.ANCHORED,
        Check.KEY_SEPARATION,
        Check.CAPTURE_VERDICT,
        Check.HANDSHAKE,
    }
    # Nothing happened to it yet.
    never |= {Check.EVENT, Check.EVENT_SIGNATURE, Check.LOG_ENTRY_EVENT, Check.KEY_EVENT, Check.CUSTODY, Check.DELETION}
    never |= {Check.TIME_TOKEN, Check.TIME_PROVED, Check.TIME_LAPSE}
    assert passed == set(Check) - never - (set() if depth is Depth.PAYLOADS else {Check.PAYLOAD})


def test_verification_changes_nothing_and_needs_neither_index_nor_settings(made: Made) -> None:
    made.path("muniment.toml").unlink()
    shutil.rmtree(made.root / "work")
    made.path("index.db").write_bytes(b"not a database")
    before = archives.tree(made.root)
    outside = Outside()
    assert verify(made.root, trust.read(made.home / "trust.toml"), outside=outside).verdict is Verdict.PASS
    assert archives.tree(made.root) == before


def test_payloads_that_cannot_be_decoded_and_payloads_beyond_memory_pass_as_they_were_captured(tmp_path: Path) -> None:
    broken = archives.exchange("https://h.example/broken", b"not gzip", coding="gzip")
    large = archives.exchange("https://h.example/large", b"0123456789abcdef" * 200_000, media_type="video/mp4")
    seed = archives.exchange(archives.SEED, b"<p>")
    each = [(seed, Role.ARTICLE), (broken, Role.IMAGE), (large, Role.VIDEO)]
    made = archives.captured(archives.begun(tmp_path), "", each)
    result = verified(made, depth=Depth.PAYLOADS)
    assert subjects(result) == []
    assert len(found(result, Check.PAYLOAD, Verdict.PASS)) == 1
    assert next(line for line in lines(made) if line.url == broken.url and line.kind == "response").content is None


def test_one_capture_can_be_verified_by_itself_while_another_is_broken(made: Made) -> None:
    made.warc(1).write_bytes(b"")
    alone = verified(made, only=made.captures[0])
    assert alone.verdict is Verdict.PASS
    assert [each for each in alone.not_checked if each.startswith("Other captures")]
    assert not [each for each in verified(made).not_checked if each.startswith("Other captures")]
    assert verified(made, only=made.captures[1]).verdict is Verdict.FAIL
    with pytest.raises(JobError, match="there is no capture of that name"):
        verified(made, only="20200101T000000Z-aaaaaa")


def test_a_server_that_could_not_be_verified_is_named_and_fails_nothing(tmp_path: Path) -> None:
    seed = archives.exchange(archives.SEED, b"<p>", tls="expired")
    made = archives.captured(archives.begun(tmp_path), "", [(seed, Role.ARTICLE)])
    result = verified(made)
    assert result.verdict is Verdict.PASS
    (peer,) = found(result, Check.TLS_PEERS, Verdict.ABSENT)
    assert "news.example" in peer.subject
    assert "expired" in peer.detail


def test_both_keys_on_one_machine_are_noted_when_the_caller_knows_of_it(sealed: Made) -> None:
    held = frozenset({sealed.trust.operators[0].key.keyid, sealed.trust.logs[0].public.keyid})
    result = verify(sealed.root, sealed.trust, outside=replace(sealed.outside, host_keys=held))
    assert len(found(result, Check.KEY_SEPARATION, Verdict.ABSENT)) == 1
    assert result.verdict is Verdict.PASS


def test_the_readmes_of_the_two_folders_are_no_extra_files(made: Made) -> None:
    for top in ("archive", "manifests"):
        made.path(f"{top}/README.md").write_text("what lies here")
    assert verified(made).verdict is Verdict.PASS


# Files lost, added, swapped, and what is no file.


def _files(made: Made) -> list[str]:
    return [each for each in archives.tree(made.root) if each.startswith(("archive/", "manifests/"))]


def test_each_file_that_is_lost_is_named_by_its_path(made: Made) -> None:
    keys = f"{layout.public_keys()}/"
    for path in _files(made):
        content = made.path(path).read_bytes()
        made.path(path).unlink()
        result = verified(made)
        if path.startswith(keys):
            assert result.verdict is Verdict.PASS, path  # they are for convenience, and decide nothing
        else:
            assert result.verdict is Verdict.FAIL, path
            assert path in subjects(result, Verdict.FAIL)
        made.path(path).write_bytes(content)


def test_each_file_too_many_is_named_wherever_it_lies(made: Made) -> None:
    folders = {str(Path(each).parent) for each in _files(made)} | {"archive", "manifests", "manifests/logs"}
    for folder in sorted(folders):
        extra = made.path(folder) / "planted.txt"
        extra.write_bytes(b"x")
        result = verified(made)
        assert result.verdict is Verdict.FAIL
        assert f"{folder}/planted.txt" in subjects(result, Verdict.FAIL)
        extra.unlink()


def test_two_captures_whose_files_are_swapped_both_fail_by_name(made: Made) -> None:
    for name in (layout.manifest, layout.context, layout.statement, layout.opening, layout.sums):
        first, second = (made.path(name(each)) for each in made.captures)
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)
        failed = " ".join(subjects(verified(made), Verdict.FAIL))
        assert relative(made, first) in failed
        assert relative(made, second) in failed
        first.write_bytes(one)
        second.write_bytes(other)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "linked folder"])
def test_what_is_no_regular_file_is_never_followed(made: Made, tmp_path: Path, kind: str) -> None:
    warc = made.warc()
    aside = tmp_path / "aside"
    if kind == "linked folder":
        shutil.move(warc.parent, aside)
        warc.parent.symlink_to(aside)
    else:
        warc.rename(aside)
        if kind == "link":
            warc.symlink_to(aside)
        elif kind == "pipe":
            os.mkfifo(warc)
        else:
            warc.mkdir()
    result = verified(made)
    assert result.verdict is Verdict.FAIL
    assert relative(made, warc) in [each.subject for each in found(result, Check.FILE)]
    assert not found(result, Check.RECORD, Verdict.PASS)[1:]
    assert bool(found(result, Check.EXTRA_FILE)) == (kind == "linked folder")


@pytest.mark.parametrize("name", [layout.manifest, layout.context, layout.statement, layout.opening, layout.sums])
def test_a_claim_that_is_a_link_is_named_once_and_never_followed(
    made: Made, tmp_path: Path, name: Callable[[str], object]
) -> None:
    path = made.path(name(made.captures[0]))
    path.rename(tmp_path / "aside")
    path.symlink_to(tmp_path / "aside")
    result = verified(made)
    assert relative(made, path) in [each.subject for each in found(result, Check.FILE)]
    assert not found(result, Check.EXTRA_FILE)


NEVER = "20240101T000000Z-aaaaaa"


@pytest.mark.parametrize("folders", [[layout.evidence], [layout.claims], [layout.claims, layout.evidence]])
def test_a_capture_that_was_killed_before_its_opening_is_no_pass_and_no_forgery(
    made: Made, folders: list[Callable[[str], object]]
) -> None:
    for folder in folders:
        made.path(folder(NEVER)).mkdir(parents=True)
    for result in (verified(made), verified(made, only=NEVER)):
        assert (subjects(result), result.exit) == ([NEVER], 4)
        (noted,) = found(result, Check.OPEN_CAPTURES, Verdict.UNVERIFIABLE)
        assert "`muniment recover` removes the folders" in noted.detail
    assert verified(made).counts["captures"] == 2


def test_recovery_ends_what_never_began(own: Made) -> None:
    for folder in (layout.evidence, layout.claims):
        own.path(folder(NEVER)).mkdir(parents=True)
    assert verified(own).verdict is Verdict.UNVERIFIABLE
    _recovered(own, NEVER)
    assert verified(own).verdict is Verdict.PASS


@pytest.mark.parametrize("folder", [layout.evidence, layout.claims])
@pytest.mark.parametrize("kind", ["file", "temporary file", "link", "folder", "a link in its place"])
def test_a_folder_that_holds_anything_is_not_that_of_a_capture_that_never_began(
    made: Made, folder: Callable[[str], object], kind: str
) -> None:
    path = made.path(folder(NEVER))
    path.parent.mkdir(parents=True)
    if kind == "a link in its place":
        path.symlink_to(made.root)
    else:
        path.mkdir()
    if kind == "folder":
        path.joinpath("deeper").mkdir()
    elif kind == "link":
        path.joinpath("link").symlink_to(made.root)
    elif "file" in kind:
        path.joinpath(".open.dsse.json.01234567.tmp" if "temporary" in kind else "x.warc.gz").write_bytes(b"")
    assert verified(made).verdict is Verdict.FAIL


def test_empty_folders_hide_no_capture_that_a_log_names_or_could_have_named(made: Made) -> None:
    for folder in (layout.evidence, layout.claims):
        shutil.rmtree(made.path(folder(made.captures[0])))
        made.path(folder(made.captures[0])).mkdir()
    result = verified(made)
    assert result.verdict is Verdict.FAIL
    assert str(layout.opening(made.captures[0])) in subjects(result, Verdict.FAIL)
    for bundle in made.path(layout.logs()).glob("*/tile/entries/*.p/*"):
        bundle.chmod(0o644)
        bundle.write_bytes(b"\x00\x01x")
    assert str(layout.opening(made.captures[0])) in subjects(verified(made), Verdict.FAIL)


def test_a_capture_that_lies_outside_of_the_log_is_named(made: Made, tmp_path: Path) -> None:
    other = archives.archive(tmp_path / "other", "x")
    for folder in (layout.evidence, layout.claims):
        shutil.copytree(other.path(folder(other.captures[0])), made.path(folder(other.captures[0])))
    result = verified(made)
    assert result.verdict is Verdict.FAIL
    named = [*found(result, Check.LOG_ENTRY_OPENING), *found(result, Check.LOG_ENTRY_CAPTURE)]
    assert {other.captures[0] in each.subject for each in named} == {True}
    assert len(named) == 2


# WARC files.


def _last(made: Made) -> Record:
    return lines(made)[-1]


@pytest.mark.parametrize("cut", [1, 3, 9, 40])
def test_a_torn_tail_is_named_with_the_record_that_it_tears(made: Made, cut: int) -> None:
    warc = made.warc()
    warc.write_bytes(warc.read_bytes()[:-cut])
    (torn,) = found(verified(made), Check.WARC_STRUCTURE)
    assert _last(made).record_id in torn.subject
    assert _last(made).url in torn.subject
    assert "torn" in torn.found or "too early" in torn.found


def test_garbage_behind_the_last_record_is_named_with_its_offset(made: Made) -> None:
    warc = made.warc()
    size = warc.stat().st_size
    warc.write_bytes(warc.read_bytes() + b"garbage")
    result = verified(made)
    (behind,) = found(result, Check.MANIFEST_WARC)
    assert behind.subject == f"{relative(made, warc)} at {size}"
    assert "7 octets belong to no record" in behind.detail
    assert relative(made, warc) in [each.subject for each in found(result, Check.FILE_DIGEST)]


def test_a_record_that_was_doubled_is_named_as_one_without_a_line(made: Made) -> None:
    warc = made.warc()
    whole, last = warc.read_bytes(), _last(made)
    warc.write_bytes(whole + whole[last.position.offset :])
    (extra,) = found(verified(made), Check.MANIFEST_WARC)
    assert extra.subject == f"{relative(made, warc)} at {len(whole)} (record {last.record_id}, {last.url})"


def _member(made: Made, n: int, change: Callable[[bytes], bytes]) -> Record:
    line, warc = lines(made)[n - 1], made.warc()
    whole, place = warc.read_bytes(), line.position
    member = change(whole[place.offset : place.offset + place.length])
    warc.write_bytes(whole[: place.offset] + member + whole[place.offset + place.length :])
    return line


def test_a_member_stored_in_other_octets_is_named_apart_from_a_record_that_changed(made: Made) -> None:
    # RFC 1952 2.3.1: octets 4 to 7 are a time, which carries nothing of the content.
    line = _member(made, 3, lambda member: member[:4] + b"\x01" + member[5:])
    result = verified(made)
    (stored,) = found(result, Check.MEMBER)
    assert line.record_id in stored.subject
    assert "compressed again" in stored.detail
    assert (stored.expected, stored.found) != ("", "")
    assert not found(result, Check.RECORD)


def test_a_record_that_says_something_else_is_named_with_both_digests(made: Made) -> None:
    video = next(line for line in lines(made) if line.url == archives.VIDEO and line.size == 700)
    stored = made.warc().read_bytes()[video.position.offset :][: video.position.length]

    def change(member: bytes) -> bytes:
        # The very same length: a stored block (RFC 1951 3.2.4) in which one letter of the header is another.
        position = member.index(b"127.0.0.7")
        altered = member[:position] + b"127.0.0.8" + member[position + 9 :]
        plain = _stored_content(altered)
        return altered[:-8] + _crc(plain) + altered[-4:]

    assert b"127.0.0.7" in stored
    _member(made, video.n, change)
    result = verified(made)
    (changed,) = found(result, Check.RECORD)
    assert video.record_id in changed.subject
    assert changed.expected == str(video.record)
    (address,) = found(result, Check.MANIFEST_WARC)
    assert (address.expected, address.found) == ("127.0.0.7", "127.0.0.8")


def _stored_content(member: bytes) -> bytes:
    content, position = b"", 10
    while position < len(member) - 8:
        length = int.from_bytes(member[position + 1 : position + 3], "little")
        content += member[position + 5 : position + 5 + length]
        position += 5 + length
    return content


def _crc(content: bytes) -> bytes:
    return gzip.compress(content, 0)[-8:-4]


def test_a_second_member_within_the_range_of_one_is_named_as_such(made: Made) -> None:
    spare = gzip.compress(b"", 0)
    line = _member(
        made, 2, lambda member: gzip.compress(gzip.decompress(member), 9)[: len(member) - len(spare)] + spare
    )
    (structure, *_) = found(verified(made), Check.WARC_STRUCTURE)
    assert line.record_id in structure.subject


def test_a_lost_warc_file_does_not_hide_the_other_capture(made: Made) -> None:
    made.warc().unlink()
    result = verified(made)
    assert subjects(result, Verdict.FAIL) == [relative(made, made.warc())]
    assert [each.subject for each in found(result, Check.RECORD, Verdict.PASS)] == [relative(made, made.warc(1))]


# Manifests.


def _manifest(made: Made, change: Callable[[list[bytes]], list[bytes]]) -> Verification:
    path = made.path(layout.manifest(made.captures[0]))
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    result = verified(made)
    assert relative(made, path) in [each.subject for each in found(result, Check.FILE_DIGEST)]
    assert relative(made, path) in [each.subject for each in found(result, Check.MERKLE_ROOT)]
    return result


def test_a_record_whose_line_was_taken_out_is_named_from_the_warc_file(made: Made) -> None:
    line = lines(made)[3]
    result = _manifest(made, lambda raw: raw[:4] + raw[5:])
    (alone,) = found(result, Check.MANIFEST_WARC)
    assert line.record_id in alone.subject
    assert "does not list" in alone.detail
    assert "line 5" in found(result, Check.MANIFEST)[0].subject
    assert [each for each in found(result, Check.MANIFEST) if "used all the same" in each.detail]
    (statement,) = found(result, Check.STATEMENT)
    assert "number of records" in statement.detail


@pytest.mark.parametrize("name", [b"size", b"length"])
def test_numbers_that_sum_to_more_than_json_holds_are_named_once(made: Made, name: bytes) -> None:
    pattern = re.compile(rb'"%s":[0-9]+' % name)
    for other, times in ((0, 0), (1, 1)):

        def grown(raw: list[bytes], other: int = other) -> list[bytes]:
            first = pattern.sub(b'"%s":%d' % (name, canonical.LARGEST), raw[1])
            return [raw[0], first, *(pattern.sub(b'"%s":%d' % (name, other), each) for each in raw[2:])]

        told = [each for each in found(_manifest(made, grown), Check.MANIFEST) if "2**53" in (each.expected or "")]
        assert len(told) == times


def test_a_line_that_is_doubled_names_a_record_twice(made: Made) -> None:
    result = _manifest(made, lambda raw: [*raw, raw[-1]])
    assert any("again" in each.found for each in found(result, Check.MANIFEST_WARC))


def test_lines_in_another_order_are_named(made: Made) -> None:
    result = _manifest(made, lambda raw: [*raw[:3], raw[4], raw[3], *raw[5:]])
    assert found(result, Check.MANIFEST_WARC)
    assert found(result, Check.MANIFEST)


def test_a_line_whose_range_overlaps_another_is_named(made: Made) -> None:
    line = lines(made)[3]
    old, new = (f'"offset":{offset}'.encode() for offset in (line.position.offset, line.position.offset - 1))
    result = _manifest(made, lambda raw: [each.replace(old, new) for each in raw])
    (overlap,) = [each for each in found(result, Check.MANIFEST_WARC) if line.record_id in each.subject][:1]
    assert "within the record before it" in overlap.found


@pytest.mark.parametrize(("old", "new"), [(b"/market", b"/marked"), (b'"capture":"20241210', b'"capture":"20241211')])
def test_a_manifest_that_describes_another_capture_is_contradicted(made: Made, old: bytes, new: bytes) -> None:
    result = _manifest(made, lambda raw: [raw[0].replace(old, new), *raw[1:]])
    named = [each.detail for each in (*found(result, Check.OPENING), *found(result, Check.STATEMENT))]
    assert len([each for each in named if "seed, which" in each or "manifest describes" in each]) == 1


def test_the_context_of_another_capture_is_told_from_this_ones(made: Made) -> None:
    first, second = (made.path(layout.context(each)) for each in made.captures)
    first.write_bytes(second.read_bytes())
    assert [each.subject for each in found(verified(made), Check.CONTEXT)] == [relative(made, first)]


def test_an_empty_manifest_is_named_and_so_is_every_record_that_it_should_list(made: Made) -> None:
    number = len(lines(made))
    made.path(layout.manifest(made.captures[0])).write_bytes(b"")
    result = verified(made)
    assert [each.found for each in found(result, Check.MANIFEST) if each.found] == ["an empty file"]
    assert len(found(result, Check.MANIFEST_WARC)) == number


def test_a_line_without_its_line_feed_is_named(made: Made) -> None:
    path = made.path(layout.manifest(made.captures[0]))
    path.write_bytes(path.read_bytes()[:-1])
    assert "cut short" in found(verified(made), Check.MANIFEST)[0].found


def test_a_file_that_does_not_begin_with_its_warcinfo_is_named(made: Made) -> None:
    result = _manifest(made, lambda raw: [raw[0], *raw[2:]])
    assert any("warcinfo" in each.expected for each in found(result, Check.WARC_STRUCTURE))


def test_an_answer_without_its_request_is_named(made: Made) -> None:
    answer = next(line for line in lines(made) if line.kind == "response")
    result = _manifest(
        made, lambda raw: [each for each in raw if b'"kind":"request"' not in each or b"/2024/" not in each]
    )
    assert any(
        answer.record_id in each.subject and "joined" in each.detail for each in found(result, Check.WARC_STRUCTURE)
    )


def test_a_line_that_says_something_else_than_its_record_is_named(made: Made) -> None:
    result = _manifest(
        made, lambda raw: [each.replace(b'"url":"https://social', b'"url":"https://somial') for each in raw]
    )
    named = found(result, Check.MANIFEST_WARC)
    assert {each.detail for each in named} == {"The record's URL is not what its line in the manifest says."}
    assert {each.found for each in named} == {archives.VIDEO}


def test_a_payload_that_is_not_what_its_line_says_is_found_where_payloads_are_asked_for(made: Made) -> None:
    path = made.path(layout.manifest(made.captures[0]))
    line = next(line for line in lines(made) if line.kind == "response")
    wrong = canonical.encode(canonical.decode(path.read_bytes().splitlines()[line.n], "line") | {"size": 1})
    raw = path.read_bytes().splitlines()
    path.write_bytes(b"".join(each + b"\n" for each in [*raw[: line.n], wrong, *raw[line.n + 1 :]]))
    assert not found(verified(made), Check.PAYLOAD)
    (payload,) = found(verified(made, depth=Depth.PAYLOADS), Check.PAYLOAD)
    assert line.record_id in payload.subject
    assert (payload.expected, payload.found) == ("1", str(line.size))


def test_without_a_manifest_the_warc_file_is_still_digested_and_read(made: Made) -> None:
    made.path(layout.manifest(made.captures[0])).unlink()
    whole = made.warc().read_bytes()
    assert relative(made, made.warc()) in subjects(verified(made), Verdict.PASS)
    made.warc().write_bytes(whole[:-9])
    result = verified(made)
    assert any(
        each.subject.startswith(f"{relative(made, made.warc())} at ") for each in found(result, Check.WARC_STRUCTURE)
    )


@pytest.mark.parametrize("content", [b'{"a":1,"a":2}\n', b"\xef\xbb\xbf{}\n", b"[" * 100_000, b"{}x", b'{"a":NaN}\n'])
def test_a_context_that_two_readers_could_read_differently_is_refused(made: Made, content: bytes) -> None:
    path = made.path(layout.context(made.captures[0]))
    path.write_bytes(content)
    result = verified(made)
    assert [each.subject for each in found(result, Check.CONTEXT)] == [relative(made, path)]


def test_a_context_that_says_the_same_in_other_bytes_is_refused(made: Made) -> None:
    path = made.path(layout.context(made.captures[0]))
    path.write_bytes(path.read_bytes().replace(b'":', b'": ', 1))
    result = verified(made)
    for check in (Check.CONTEXT, Check.FILE_DIGEST):
        assert [each.subject for each in found(result, check)] == [relative(made, path)]


def test_sums_that_list_another_file_are_named_with_their_line(made: Made) -> None:
    path = made.path(layout.sums(made.captures[0]))
    path.write_bytes(path.read_bytes() + b"0" * 64 + b"  /etc/passwd\n")
    (sums,) = found(verified(made), Check.SUMS)
    assert "line 4" in sums.detail
    assert "/etc/passwd" in sums.found


# Seals.


def _resealed(made: Made, key: SigningKey, change: Callable[[Statement], Statement] = lambda it: it) -> None:
    path = made.path(layout.statement(made.captures[0]))
    payload = dsse.unverified_payload(path.read_bytes())
    statement = change(manifest.decode_statement(payload, path))
    path.write_bytes(dsse.seal(manifest.encode_statement(statement), manifest.PAYLOAD_TYPE, [key]))


def _envelope(path: Path, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
    path.write_bytes(canonical.encode(change(canonical.decode(path.read_bytes(), path))))


@pytest.mark.parametrize("name", [layout.statement, layout.opening])
@pytest.mark.parametrize("payload", [b"{}", b"no JSON", b"[]", b"[" * 50_000])
def test_a_good_seal_on_what_is_no_statement_fails(made: Made, name: Callable[[str], object], payload: bytes) -> None:
    path = made.path(name(made.captures[0]))
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    path.write_bytes(dsse.seal(payload, manifest.PAYLOAD_TYPE, [key]))
    check = Check.STATEMENT if name is layout.statement else Check.OPENING
    assert relative(made, path) in [each.subject for each in found(verified(made), check)]


@pytest.mark.parametrize("name", [layout.statement, layout.opening])
def test_a_signature_that_was_stripped_fails(made: Made, name: Callable[[str], object]) -> None:
    path = made.path(name(made.captures[0]))
    _envelope(path, lambda envelope: envelope | {"signatures": []})
    check = Check.STATEMENT_SIGNATURE if name is layout.statement else Check.OPENING_SIGNATURE
    (stripped,) = found(verified(made), check)
    assert "stripped" in stripped.found


def test_a_seal_on_another_type_of_payload_fails(made: Made) -> None:
    path = made.path(layout.statement(made.captures[0]))
    _envelope(path, lambda envelope: envelope | {"payloadType": "application/json"})
    assert len(found(verified(made), Check.STATEMENT_SIGNATURE)) == 1


def test_a_statement_resealed_by_an_attacker_is_unverifiable_and_not_in_the_log(made: Made) -> None:
    _resealed(made, SigningKey.of_seed(b"m" * 32))
    result = verified(made)
    assert len(found(result, Check.STATEMENT_SIGNATURE, Verdict.UNVERIFIABLE)) == 1
    assert len(found(result, Check.LOG_ENTRY_CAPTURE)) == 1
    assert result.verdict is Verdict.FAIL


def test_a_statement_moved_here_from_another_capture_fails(made: Made) -> None:
    shutil.copy(made.path(layout.statement(made.captures[1])), made.path(layout.statement(made.captures[0])))
    result = verified(made)
    assert found(result, Check.STATEMENT)
    assert found(result, Check.LOG_ENTRY_CAPTURE)


def test_a_statement_that_names_files_elsewhere_never_has_them_opened(made: Made, tmp_path: Path) -> None:
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    seen: list[str] = []
    digest = manifest.seed_commitment(b"", "secret")
    names = ("../secret", str(secret), "archive/../../secret")
    _resealed(made, key, lambda it: replace(it, subjects=(*it.subjects, *((name, digest) for name in names))))
    outside = replace(made.outside, progress=lambda path, _: seen.append(path))
    result = verify(made.root, made.trust, outside=outside)
    assert "../secret" in found(result, Check.STATEMENT)[0].found
    assert seen
    assert not [each for each in seen if "secret" in each]


def test_an_opening_of_another_capture_is_contradicted_by_its_place(made: Made) -> None:
    path = made.path(layout.opening(made.captures[0]))
    opening = manifest.decode_opening(dsse.unverified_payload(path.read_bytes()), path)
    changed = replace(opening, capture=made.captures[1], opened=opening.opened + timedelta(days=1))
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    path.write_bytes(dsse.seal(manifest.encode_opening(changed), manifest.PAYLOAD_TYPE, [key]))
    named = " ".join(each.detail for each in found(verified(made), Check.OPENING))
    assert "(capture)" in named
    assert "(time of opening)" in named


def test_an_operator_who_seals_what_is_not_so_is_contradicted_by_the_files(made: Made) -> None:
    key = load(made.archive.keys, KeyRole.OPERATOR, None)
    later = timedelta(microseconds=1)
    _resealed(
        made, key, lambda it: replace(it, records=3, opened=it.opened + later, opening=replace(it.opening, index=2))
    )
    result = verified(made)
    assert not found(result, Check.STATEMENT_SIGNATURE)
    assert "number of records" in found(result, Check.STATEMENT)[0].detail
    named = [each.detail for each in found(result, Check.OPENING)]
    assert [each for each in named if "leaf of the opening" in each]
    assert [each for each in named if "time of opening" in each]


@pytest.mark.parametrize(
    "limits",
    [
        {"since": datetime(2025, 1, 1, tzinfo=UTC)},
        {"until": datetime(2024, 12, 1, tzinfo=UTC)},
        {"revoked": datetime(2024, 12, 10, tzinfo=UTC)},
    ],
)
def test_a_seal_outside_of_its_keys_time_is_unverifiable(sealed: Made, limits: dict[str, datetime]) -> None:
    operator = replace(sealed.trust.operators[0], **limits)  # type: ignore[arg-type]
    result = verify(sealed.root, replace(sealed.trust, operators=(operator,)), outside=sealed.outside)
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)
    assert len(found(result, Check.STATEMENT_SIGNATURE, Verdict.UNVERIFIABLE)) == 2


def test_nobodys_trust_passes_nothing(sealed: Made) -> None:
    result = verify(sealed.root, Trust.nobody())
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)
    undecided = {each.check for each in result.findings if each.verdict is Verdict.UNVERIFIABLE}
    assert undecided == {Check.STATEMENT_SIGNATURE, Check.OPENING_SIGNATURE, Check.CHECKPOINT}
    assert len(found(result, Check.PUBLIC_KEYS, Verdict.ABSENT)) == 2
    (checkpoint,) = found(result, Check.CHECKPOINT, Verdict.UNVERIFIABLE)
    assert "so are 4 other checkpoints" in checkpoint.detail


def test_a_key_under_another_keys_name_is_named(made: Made) -> None:
    (pem,) = made.path(layout.public_keys()).glob("*.pem")
    renamed = pem.rename(pem.with_name(f"{'0' * 64}.pem"))
    assert [each.subject for each in found(verified(made), Check.PUBLIC_KEYS)] == [relative(made, renamed)]


def test_a_key_beside_the_evidence_that_the_verifier_does_not_hold_decides_nothing(made: Made) -> None:
    stranger = SigningKey.of_seed(b"s" * 32).public
    made.path(layout.public_keys()).joinpath(f"{stranger.keyid}.pem").write_text(stranger.pem)
    result = verified(made)
    assert result.verdict is Verdict.PASS
    assert len(found(result, Check.PUBLIC_KEYS, Verdict.ABSENT)) == 1


def test_an_attacker_who_makes_everything_anew_is_unverifiable_at_best(sealed: Made, tmp_path: Path) -> None:
    forged = archives.archive(tmp_path, "ab")
    result = verify(forged.root, sealed.trust)
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)


def test_an_attackers_archive_under_the_name_of_a_trusted_log_fails_or_is_unverifiable(
    sealed: Made, tmp_path: Path
) -> None:
    forged = archives.archive(tmp_path, "ab")
    forged.path(layout.log(forged.origin)).rename(forged.path(layout.logs()) / sealed.origin)
    result = verify(forged.root, sealed.trust, outside=sealed.outside)
    assert result.verdict is Verdict.FAIL


def test_an_attackers_public_key_beside_the_evidence_is_told_from_the_trusted_one(made: Made, tmp_path: Path) -> None:
    other = archives.begun(tmp_path / "other")
    key = made.path(layout.public_keys()) / f"{made.origin}.vkey"
    forged = replace(other.trust.logs[0], name=made.origin)
    key.write_text(f"{forged}\n")
    (refused,) = found(verified(made), Check.PUBLIC_KEYS)
    assert refused.subject == relative(made, key)


# Logs.


def test_an_older_backup_put_back_is_found_by_what_the_machine_remembers(own: Made, tmp_path: Path) -> None:
    backup = own.copied(tmp_path / "backup")
    archives.captured(own, "b")
    result = verified(backup)
    (rolled,) = found(result, Check.ROLLBACK)
    assert "older copy" in rolled.detail
    assert (rolled.expected, rolled.found) == ("at least 4 leaves", "2")
    unaware = verify(backup.root, backup.trust)  # nothing but that memory tells
    assert unaware.verdict is Verdict.PASS
    assert len(found(unaware, Check.ROLLBACK, Verdict.ABSENT)) == 1


def test_a_log_that_vanished_as_a_whole_is_found_by_what_the_machine_remembers(made: Made) -> None:
    shutil.rmtree(made.path(layout.log(made.origin)))
    result = verified(made)
    assert len(found(result, Check.ROLLBACK)) == 1
    assert len(found(result, Check.LOG_ENTRY_CAPTURE)) == 2


def test_an_archive_emptied_of_everything_is_not_a_pass(made: Made) -> None:
    for top in ("archive", "manifests"):
        shutil.rmtree(made.path(top))
    assert len(found(verified(made), Check.ROLLBACK)) == 1
    result = verify(made.root, made.trust)
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)


def test_a_new_archive_with_nothing_in_it_is_unverifiable(tmp_path: Path) -> None:
    result = verified(archives.begun(tmp_path))
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)
    assert "Nothing to verify" in found(result, Check.FILE, Verdict.UNVERIFIABLE)[0].detail


@pytest.mark.parametrize("name", ["checkpoint", "checkpoints/4"])
def test_a_checkpoint_of_another_log_fails_by_name(made: Made, tmp_path: Path, name: str) -> None:
    other = archives.archive(tmp_path / "other", "ab")
    path = made.path(layout.log(made.origin)) / name
    shutil.copy(other.path(layout.log(other.origin)) / name, path)
    assert relative(made, path) in [each.subject for each in found(verified(made), Check.CHECKPOINT)]


def test_a_capture_in_the_log_without_its_files_is_named(made: Made) -> None:
    for folder in (layout.evidence, layout.claims):
        shutil.rmtree(made.path(folder(made.captures[0])))
    named = [each.subject for each in found(verified(made), Check.FILE)]
    assert {str(name(made.captures[0])) for name in (layout.opening, layout.statement)} <= set(named)


def test_where_leaves_are_damaged_no_capture_is_called_missing_from_the_log(made: Made) -> None:
    bundle = made.path(layout.log(made.origin)) / "tile" / "entries" / "000.p" / "4"
    bundle.write_bytes(bundle.read_bytes()[:200])
    result = verified(made)
    assert relative(made, bundle) in [each.subject for each in found(result, Check.LOG_TREE)]
    for check in (Check.LOG_ENTRY_OPENING, Check.LOG_ENTRY_CAPTURE, Check.ROLLBACK):
        assert not found(result, check)
        assert found(result, check, Verdict.UNVERIFIABLE)


def test_a_folder_among_the_logs_whose_name_no_log_can_have_is_named(made: Made) -> None:
    planted = made.path(layout.logs()) / "No Log" / "checkpoint"
    planted.parent.mkdir()
    planted.write_bytes(b"")
    assert [each.subject for each in found(verified(made), Check.EXTRA_FILE)] == [relative(made, planted)]


def test_an_append_that_was_cut_short_is_noted_and_is_no_damage(own: Made) -> None:
    folder = own.path(layout.log(own.origin))
    shutil.copy(folder / "checkpoints" / "1", folder / "checkpoint")
    result = verified(own)
    assert result.verdict is Verdict.PASS
    (noted,) = found(result, Check.LOG_FILES, Verdict.ABSENT)
    assert "checkpoint was not yet brought to size 2" in noted.detail


def test_a_second_opening_of_the_same_capture_in_the_log_is_named(own: Made) -> None:
    key = load(own.archive.keys, KeyRole.LOG, None)
    leaf = Leaf(LeafType.OPEN, own.captures[0], manifest.seed_commitment(b"", "another"))
    Journal(own.root, own.origin).append(leaf.encode(), key, own.archive.remembered)
    (twice,) = found(verified(own), Check.LOG_ENTRY_OPENING)
    assert "leaves 0" in twice.found


def test_a_leaf_of_a_kind_that_is_not_known_here_is_unverifiable(own: Made) -> None:
    key = load(own.archive.keys, KeyRole.LOG, None)
    leaf = Leaf(LeafType.RETRACT, own.captures[0], manifest.seed_commitment(b"", "another"))
    Journal(own.root, own.origin).append(leaf.encode(), key, own.archive.remembered)
    assert verified(own).verdict is Verdict.UNVERIFIABLE


@pytest.mark.parametrize("linked", ["manifests", "manifests/logs", "manifests/logs/<origin>", "archive"])
def test_a_folder_that_is_a_link_is_no_part_of_the_archive(made: Made, tmp_path: Path, linked: str) -> None:
    path = made.path(linked.replace("<origin>", made.origin))
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    result = verified(made)
    assert result.verdict is Verdict.FAIL
    assert any(each.startswith(relative(made, path)) for each in subjects(result, Verdict.FAIL))


def test_a_capture_closed_in_another_log_than_it_was_opened_in_is_named(own: Made, tmp_path: Path) -> None:
    other = archives.archive(tmp_path / "other", "z")
    key = load(other.archive.keys, KeyRole.LOG, None)
    digest = Digest.of_bytes(own.path(layout.statement(own.captures[0])).read_bytes())
    leaf = Leaf(LeafType.CAPTURE, own.captures[0], digest)
    Journal(own.root, other.origin).append(leaf.encode(), key, tmp_path / "remembered")
    folder = own.path(layout.log(own.origin))
    shutil.copy(folder / "checkpoints" / "1", folder / "checkpoint")
    for name in ("checkpoints/2", "tile/0/000.p/2", "tile/entries/000.p/2"):
        (folder / name).unlink()
    (moved,) = found(verify(own.root, own.trust), Check.OPEN_CAPTURES)
    assert moved.found == f"leaf 0 of {other.origin}"


# Captures that live, and captures that died.


def test_a_capture_that_is_being_made_is_noted_and_one_that_died_is_unverifiable(own: Made) -> None:
    start = datetime(2024, 12, 11, tzinfo=UTC)
    with archives.drafted(own, archives.article("c"), start) as alive:
        result = verified(own)
        assert result.verdict is Verdict.PASS
        assert [each.subject for each in found(result, Check.OPEN_CAPTURES, Verdict.ABSENT)] == [alive.id]
    result = verified(own)
    assert (result.verdict, result.exit) == (Verdict.UNVERIFIABLE, 4)
    (never,) = found(result, Check.OPEN_CAPTURES, Verdict.UNVERIFIABLE)
    assert never.subject == alive.id
    assert "opened and never closed" in never.detail


def _recovered(made: Made, capture: str) -> None:
    keys = signers(made.archive, None)
    assert [each.capture for each in recover(made.archive, keys, (capture,), datetime.now(UTC))] == [capture]


def test_what_a_recovery_set_aside_is_sealed_noted_and_verified(own: Made) -> None:
    with archives.drafted(own, archives.article("c"), datetime(2024, 12, 11, tzinfo=UTC)) as cut_short:
        cut_short.recorder.close()
        capture = cut_short.id
    warc = own.path(layout.warc(capture, 0))
    with warc.with_name(warc.name + layout.OPEN_SUFFIX).open("ab") as stream:
        stream.write(b"\x1f\x8b torn")
    _recovered(own, capture)
    result = verified(own)
    assert result.verdict is Verdict.PASS
    (noted,) = [each for each in found(result, Check.CAPTURE_VERDICT, Verdict.ABSENT) if "cut short" in each.detail]
    assert "7 bytes that are no whole record were set aside" in noted.detail
    (torn,) = warc.parent.glob("*.torn-*")
    torn.chmod(0o644)
    torn.write_bytes(b"\x1f\x8b turn")
    assert [each.subject for each in found(verified(own), Check.FILE_DIGEST)] == [relative(own, torn)]
    torn.unlink()
    assert [each.subject for each in found(verified(own), Check.FILE)] == [relative(own, torn)]


def test_a_capture_that_was_given_up_before_anything_was_written_is_noted(own: Made) -> None:
    with archives.drafted(own, [], datetime(2024, 12, 11, tzinfo=UTC)) as given_up:
        given_up.recorder.close()
    _recovered(own, given_up.id)
    result = verified(own)
    assert result.verdict is Verdict.PASS
    (noted,) = found(result, Check.OPEN_CAPTURES, Verdict.ABSENT)
    assert "given up" in noted.detail
    own.path(layout.evidence(given_up.id)).mkdir(parents=True)
    own.path(layout.evidence(given_up.id) / "planted.warc.gz").write_bytes(b"")
    assert len(found(verified(own), Check.EXTRA_FILE)) == 1


def test_a_capture_whose_sealed_files_were_taken_away_is_not_taken_for_one_that_never_was(own: Made) -> None:
    for folder in (layout.evidence, layout.claims):
        shutil.rmtree(own.path(folder(own.captures[0])))
    result = verify(own.root, own.trust)
    assert result.verdict is Verdict.FAIL


def test_a_log_cut_back_to_before_the_closing_is_unverifiable_and_with_memory_fails(own: Made) -> None:
    folder = own.path(layout.log(own.origin))
    shutil.copy(folder / "checkpoints" / "1", folder / "checkpoint")
    for name in ("checkpoints/2", "tile/0/000.p/2", "tile/entries/000.p/2"):
        (folder / name).unlink()
    assert verify(own.root, own.trust).verdict is Verdict.UNVERIFIABLE
    assert len(found(verified(own), Check.ROLLBACK)) == 1


# Verified is what was read.


def test_a_file_replaced_while_it_is_read_is_judged_by_the_octets_that_were_read(made: Made) -> None:
    warc, other = made.warc(), made.warc(1).read_bytes()
    swapped: list[str] = []

    def swap(path: str, _: int) -> None:
        if path == relative(made, warc) and not swapped:
            swapped.append(path)
            planted = warc.with_name("planted")
            planted.write_bytes(other)
            planted.replace(warc)

    result = verify(made.root, made.trust, outside=replace(made.outside, progress=swap))
    assert swapped
    assert result.verdict is Verdict.PASS
    assert verified(made).verdict is Verdict.FAIL


def test_a_file_swapped_again_and_again_is_never_passed_for_octets_that_were_not_digested(made: Made) -> None:
    warc = made.warc()
    good, bad = warc.read_bytes(), warc.read_bytes()[:-20]
    ends = threading.Event()

    def swap() -> None:
        turn = 0
        while not ends.is_set():
            turn += 1
            planted = made.root / "planted"
            planted.write_bytes(bad if turn % 2 else good)
            planted.replace(warc)

    thread = threading.Thread(target=swap)
    thread.start()
    verdicts = set()
    try:
        for _ in range(100):
            result = verified(made, only=made.captures[0])
            name = relative(made, warc)
            whole = name in [each.subject for each in found(result, Check.FILE_DIGEST, Verdict.PASS)]
            records = name in [each.subject for each in found(result, Check.WARC_STRUCTURE, Verdict.PASS)]
            assert whole == records
            verdicts.add(result.verdict)
    finally:
        ends.set()
        thread.join()
    assert verdicts == {Verdict.PASS, Verdict.FAIL}


def test_verification_and_reports_run_where_nothing_of_the_network_or_the_index_is_installed() -> None:
    script = (
        "import sys\n"
        "blocked = 'requests urllib3 sqlite_utils sqlite3 selectolax warcio ada_url http.client'.split()\n"
        "class Refusing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in blocked: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refusing())\n"
        "import muniment.verify, muniment.report\n"
        "bad = [name for name in sys.modules if name.split('.')[:2][-1:] == ['fetch'] and 'muniment' in name]\n"
        "assert not bad, bad\n"
        "assert not [name for name in blocked if name in sys.modules]\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_this_user_may_not_read_is_unverifiable_and_a_bug_is_no_finding() -> None:
    refused = StoreError("x", "could not open the file: Permission denied")
    refused.__cause__ = PermissionError()
    assert judged(Check.FILE, "x", refused).verdict is Verdict.UNVERIFIABLE
    assert judged(Check.FILE, "x", StoreError("x", "Input/output error")).verdict is Verdict.FAIL
    with pytest.raises(JobError):
        judged(Check.FILE, "x", JobError("a bug of ours"))


def test_hostile_names_of_files_are_named_and_stop_nothing(made: Made) -> None:
    names = [b"new\nline", b"\x1b[2J", b"\xff\xfe", "\u202egpj.exe".encode()]
    for name in names:
        (Path(os.fsdecode(os.fsencode(made.path("archive")) + b"/" + name))).write_bytes(b"")
    result = verified(made)
    assert len(found(result, Check.EXTRA_FILE)) == len(names)


def _nested(folder: Path, depth: int) -> None:
    # Relative to a folder that is open, because the whole path is longer than a system call takes.
    above = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a", dir_fd=above)
        below = os.open("a", os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = below
    os.close(os.open("planted", os.O_CREAT | os.O_WRONLY, dir_fd=above))
    os.close(above)


@pytest.mark.parametrize("depth", [1500, 2200])
def test_folders_nested_deeper_than_python_or_the_system_goes_are_no_hiding_place(made: Made, depth: int) -> None:
    _nested(made.path("archive"), depth)
    try:
        result = verified(made)
    finally:
        subprocess.run(["rm", "-rf", str(made.path("archive/a"))], check=True)  # shutil.rmtree recurses
    if depth == 1500:
        assert [each.subject for each in found(result, Check.EXTRA_FILE)] == ["archive/" + "a/" * depth + "planted"]
    else:
        (unseen,) = found(result, Check.FILE, Verdict.UNVERIFIABLE)
        assert "could not be listed" in unseen.detail
        assert result.verdict is Verdict.UNVERIFIABLE


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="there is no such folder"):
        verify(tmp_path / "nowhere", Trust.nobody())


def test_a_request_of_which_the_end_was_not_kept_says_so_and_verifies(tmp_path: Path) -> None:
    made = archives.begun(tmp_path)
    long = replace(archives.exchange(archives.SEED, b"<title>Sent</title>"), request_dropped=5)
    made = archives.captured(made, "a", [(long, Role.ARTICLE)])
    assert b"WARC-Truncated: length" in gzip.decompress(made.warc().read_bytes())
    found = verify(made.root, made.trust, outside=made.outside)
    assert found.verdict is Verdict.PASS, [each for each in found.findings if each.verdict is Verdict.FAIL]

"""The write path over the sample article: what was served is what is kept, in the order that survives a crash."""

import gzip
import json
import os
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

import archives
import hostile
from conftest import SampleCapture, loopback_rules, make_archive, make_desk
from muniment import durable, layout, manifest, sample
from muniment.capture import commit
from muniment.errors import DigestMismatch, FormatError, StoreError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.message.url import Url
from muniment.model import (
    Exchange,
    Kind,
    Reason,
    Record,
    Role,
    State,
    Verdict,
)
from muniment.rules import Limits, Rules
from muniment.seal import dsse
from muniment.verify import Depth, verify
from muniment.warc import metadata


def lines(where: SampleCapture) -> tuple[manifest.Description, list[Record]]:
    return read_manifest(where.archive.root, where.id)


def read_manifest(root: Path, capture_id: str) -> tuple[manifest.Description, list[Record]]:
    path = root / str(layout.manifest(capture_id))
    first, *rest = path.read_bytes().removesuffix(b"\n").split(b"\n")
    return manifest.decode_description(first, path), [manifest.decode_record(line, path) for line in rest]


def blocks(root: Path, capture_id: str) -> list[tuple[str, str, bytes]]:
    """Read every record by warcio, which knows nothing of us: type, URL, block."""
    found = []
    for path in sorted((root / str(layout.evidence(capture_id))).glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, no_record_parse=True):
                headers = record.rec_headers
                uri = headers.get_header("WARC-Target-URI") or ""
                found.append((record.rec_type, uri, record.raw_stream.read()))
    return found


def run(where: Path, site: sample.Site, seed: str = "", **changed: object) -> tuple[Path, str, list[Exchange]]:
    """Capture *seed* (the sample where it is empty) under changed rules."""
    said: list[Exchange] = []
    archive = make_archive(where)
    done = commit.capture(
        Url.parse(seed or site.url),
        make_desk(archive, loopback_rules(site, **changed)),
        stop=threading.Event(),
        said=lambda exchange, _role: said.append(exchange),
    )
    return archive.root, done.id, said


def test_every_answer_that_the_site_gave_is_a_record_byte_for_byte(sample_capture: SampleCapture) -> None:
    kept = Counter(
        block for kind, _, block in blocks(sample_capture.archive.root, sample_capture.id) if kind == "response"
    )
    assert kept == Counter(served.head + served.body for served in sample_capture.served)


def test_every_request_that_the_site_received_is_a_record_byte_for_byte(sample_capture: SampleCapture) -> None:
    kept = Counter(
        block for kind, _, block in blocks(sample_capture.archive.root, sample_capture.id) if kind == "request"
    )
    assert kept == Counter(served.request for served in sample_capture.served)


def test_interim_answers_are_kept_beside_the_final_one(sample_capture: SampleCapture) -> None:
    from muniment.canonical import decode_base64  # noqa: PLC0415

    accounts = [
        metadata.decode(block, "w")
        for kind, _, block in blocks(sample_capture.archive.root, sample_capture.id)
        if kind == "metadata"
    ]
    kept = [decode_base64(each["interim"], "test") for each in accounts if each.get("interim")]
    assert kept == [served.interim for served in sample_capture.served if served.interim]
    assert kept


def test_everything_that_the_article_rests_on_was_asked_for_in_its_role(sample_capture: SampleCapture) -> None:
    _, records = lines(sample_capture)
    roles = {line.url: line.role for line in records if line.kind is Kind.RESPONSE}
    assert {url: str(role) for url, role in roles.items()} == dict(sample_capture.site.expected_urls)


def test_the_capture_says_fetched_and_lists_exactly_what_was_planted(sample_capture: SampleCapture) -> None:
    description, records = lines(sample_capture)
    answers = [line for line in records if line.kind is Kind.RESPONSE]
    not_got = {(line.url, str(line.outcome)) for line in answers if line.outcome not in {Reason.OK, Reason.REDIRECT}}
    unverified = {(line.url, line.tls) for line in answers if line.tls not in {"ok", "none"}}
    assert description.verdict is State.FETCHED
    assert not_got | unverified == {(planted.url, planted.reason) for planted in sample_capture.site.planted}


def test_each_hop_of_a_redirect_is_a_record_that_leads_to_the_next(sample_capture: SampleCapture) -> None:
    _, records = lines(sample_capture)
    by_id = {line.record_id: line for line in records}
    final = next(line for line in records if line.role is Role.CITED and "radio-sael" in line.url)
    second, first = by_id[final.parent], by_id[by_id[final.parent].parent]
    assert [first.status, second.status, final.status] == [301, 302, 200]
    assert by_id[first.parent].role is Role.ARTICLE


def test_each_resource_knows_the_page_that_asked_for_it(sample_capture: SampleCapture) -> None:
    _, records = lines(sample_capture)
    known = {line.record_id for line in records}
    orphans = [line.url for line in records if line.kind is Kind.RESPONSE and line.parent not in known]
    assert orphans == [sample_capture.site.url]


def test_the_opening_is_in_the_log_before_the_capture(sample_capture: SampleCapture) -> None:
    archive = sample_capture.archive
    found = [Leaf.decode(leaf, "test") for leaf in Journal(archive.root, archive.origin).entries()]
    assert [(leaf.type, leaf.id) for leaf in found] == [
        (LeafType.OPEN, sample_capture.id),
        (LeafType.CAPTURE, sample_capture.id),
    ]
    opened = (archive.root / str(layout.opening(sample_capture.id))).read_bytes()
    said = manifest.decode_opening(dsse.unverified_payload(opened), "test")
    assert said.seed == sample_capture.site.url
    assert said.rules["allow-net"] == ["127.0.0.0/8"]


def test_evidence_is_read_only_and_nothing_half_written_is_left(sample_capture: SampleCapture) -> None:
    root = sample_capture.archive.root
    files = [path for top in ("archive", "manifests") for path in (root / top).rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files if path.name != "checkpoint"} == {0o444}
    assert [path.name for path in files if path.name.endswith((".open", ".tmp"))] == []
    assert [path.name for path in (root / "work").rglob("*") if path.is_file()] == ["lock"]


def test_the_context_is_private_and_the_warc_names_nobody(sample_capture: SampleCapture) -> None:
    root = sample_capture.archive.root
    context = json.loads((root / str(layout.context(sample_capture.id))).read_bytes())
    assert context["operator"] == "Desk 1"
    assert {each["name"] for each in context["libraries"] if each["digest"]} >= {"requests", "warcio", "cryptography"}
    assert context["host"]["name"] == os.uname().nodename
    own = b"".join(block for kind, _, block in blocks(root, sample_capture.id) if kind not in {"response", "request"})
    assert b"Desk 1" not in own
    assert b"isPartOf: " + sample_capture.id.encode() in own


def test_the_limit_of_resources_leaves_an_attempt_for_each_url_beyond(site: sample.Site, tmp_path: Path) -> None:
    root, capture_id, _ = run(tmp_path, site, limits=Limits(delay=0, max_resources=5))
    description, records = read_manifest(root, capture_id)
    cut = [line for line in records if line.outcome is Reason.LIMIT_RESOURCES]
    assert description.verdict is State.PARTIAL
    assert {line.kind for line in cut} == {Kind.ATTEMPT}
    assert description.asked == 5 + len(cut)
    assert len({line.url for line in cut}) == len(cut) > 5


def test_the_limit_of_bytes_cuts_what_is_on_its_way_and_names_what_was_not_begun(
    site: sample.Site, tmp_path: Path
) -> None:
    limit = 60_000
    root, capture_id, _ = run(tmp_path, site, limits=Limits(delay=0, max_bytes=limit))
    description, records = read_manifest(root, capture_id)
    received = sum(line.size for line in records if line.kind is Kind.RESPONSE)
    assert description.verdict is State.PARTIAL
    assert received <= limit
    assert any(line.outcome is Reason.LIMIT_BYTES for line in records)


def test_the_limit_of_time_names_what_was_not_begun(site: sample.Site, tmp_path: Path) -> None:
    root, capture_id, _ = run(tmp_path, site, limits=Limits(delay=0.3, max_time=1.0))
    description, records = read_manifest(root, capture_id)
    assert description.verdict is State.PARTIAL
    assert any(line.outcome is Reason.LIMIT_TIME for line in records)


def test_an_interrupted_capture_is_sealed_and_says_what_was_not_fetched(site: sample.Site, tmp_path: Path) -> None:
    stop = threading.Event()
    archive = make_archive(tmp_path)

    def said(_exchange: Exchange, _role: Role) -> None:
        stop.set()

    desk = make_desk(archive, loopback_rules(site, limits=Limits(delay=0.2)))
    done = commit.capture(Url.parse(site.url), desk, stop=stop, said=said)
    description, records = read_manifest(archive.root, done.id)
    assert description.verdict is State.INTERRUPTED
    unfetched = [line for line in records if line.outcome is Reason.INTERRUPTED]
    assert {line.kind for line in unfetched} >= {Kind.ATTEMPT}


def test_a_seed_that_nobody_answers_is_a_sealed_failure(site: sample.Site, tmp_path: Path) -> None:
    resolve = ("dead.example=127.0.0.1:1",)
    root, capture_id, _ = run(tmp_path, site, "http://dead.example/", resolve=resolve)
    description, records = read_manifest(root, capture_id)
    assert description.verdict is State.FAILED
    assert [line.outcome for line in records if line.kind is Kind.ATTEMPT] == [Reason.REFUSED]
    assert (root / str(layout.statement(capture_id))).is_file()


def test_a_name_outside_of_the_rules_is_a_recorded_failure_and_no_packet(site: sample.Site, tmp_path: Path) -> None:
    resolve = tuple(each for each in site.resolve if "social" not in each)
    root, capture_id, _ = run(tmp_path, site, resolve=resolve)
    description, records = read_manifest(root, capture_id)
    social = [line for line in records if "post.social.example" in line.url and line.outcome is not None]
    assert social
    assert {line.outcome for line in social} == {Reason.DNS}
    assert description.verdict is State.PARTIAL


def test_a_disk_that_refuses_stops_the_capture_and_seals_nothing(
    site: sample.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path)
    desk = make_desk(archive, loopback_rules(site))
    write = durable.Appending.write

    def full(self: durable.Appending, content: bytes | memoryview) -> int:
        if self.size > 50_000:
            raise StoreError(self.path, "could not write: No space left on device")
        return write(self, content)

    monkeypatch.setattr(durable.Appending, "write", full)
    with pytest.raises(StoreError, match="No space left"):
        commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None)
    left = {path.name for path in archive.root.rglob("*") if path.is_file()}
    assert "statement.dsse.json" not in left
    assert "manifest.jsonl" not in left
    assert "manifest.jsonl.open" in left
    leaves = [Leaf.decode(leaf, "test").type for leaf in Journal(archive.root, archive.origin).entries()]
    assert leaves == [LeafType.OPEN]


def test_what_the_disk_gives_back_otherwise_is_never_sealed(
    site: sample.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path)
    desk = make_desk(archive, loopback_rules(site))
    finish = durable.Appending.finish

    def worn(self: durable.Appending) -> None:
        finish(self)
        content = bytearray(self.final.read_bytes())
        content[len(content) // 2] ^= 1
        self.final.chmod(0o644)
        self.final.write_bytes(content)

    monkeypatch.setattr(durable.Appending, "finish", worn)
    with pytest.raises((DigestMismatch, FormatError)):
        commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None)
    assert not list(archive.root.rglob("statement.dsse.json"))


def test_two_captures_at_once_share_one_archive(site: sample.Site, tmp_path: Path) -> None:
    archive = make_archive(tmp_path)
    desk = make_desk(archive, loopback_rules(site, cited=0))
    done: list[commit.Committed] = []

    def work() -> None:
        done.append(commit.capture(Url.parse(site.url), desk, stop=threading.Event(), said=lambda *_: None))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    leaves = [Leaf.decode(leaf, "test") for leaf in Journal(archive.root, archive.origin).entries()]
    assert len({each.id for each in done}) == 3
    assert Counter(leaf.type for leaf in leaves) == {LeafType.OPEN: 3, LeafType.CAPTURE: 3}


def test_what_a_capture_decodes_in_all_is_bounded_and_the_rest_is_kept_without_a_digest_of_its_content(
    tmp_path: Path,
) -> None:
    page = b"<title>T</title>" + b"".join(b"<link rel=stylesheet href=/%d.css>" % number for number in range(4))
    sheets = {
        f"/{number}.css": hostile.answer(
            gzip.compress(b"/* %d */" % number * 40_000), "200 OK", "Content-Type: text/css", "Content-Encoding: gzip"
        )
        for number in range(4)
    }
    pages = {"/": hostile.answer(page, "200 OK", "Content-Type: text/html"), **sheets}
    rules = Rules(
        allow_net=("127.0.0.0/8",),
        resolve=("site.example=127.0.0.1",),
        dns=False,
        limits=Limits(delay=0, max_resource_bytes=700_000),
    )
    made = archives.begun(tmp_path)
    with hostile.Served(hostile.routing(pages.__getitem__)) as served:
        url = Url.parse(served.url())
        done = commit.capture(url, make_desk(made.archive, rules), stop=threading.Event(), said=lambda *_: None)
    _, records = read_manifest(made.root, done.id)
    coded = [line for line in records if line.kind is Kind.RESPONSE and line.media_type == "text/css"]
    assert [line.outcome for line in coded] == [Reason.OK] * 4
    assert sorted(line.content is None for line in coded) == [False, False, True, True]
    found = verify(made.root, made.trust, outside=made.outside, depth=Depth.PAYLOADS)
    assert found.verdict is Verdict.PASS

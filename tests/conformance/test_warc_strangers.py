"""Strangers read what we write, and we read what strangers wrote.

Judges: gzip, warcio (its iterator and its ``check``), FastWARC in an environment of its own (with it comes a brotli
that makes ``warcio check`` crash), and the public test files of JWAT, warcio and jwarc.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from muniment import durable
from muniment.errors import FormatError
from muniment.warc import reader
from muniment.warc.fields import RULES, Head, checked, parse
from muniment.warc.writer import Entry, Writer
from warc_entries import ODD_MESSAGES, entry, every_kind, record_id, warcinfo

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("MUNIMENT_CORPUS", ROOT.parent / "shared" / "corpus"))
JUDGES = ROOT / ".venv-judges" / "bin" / "python"

# What ISO 28500 forbids, and what is no WARC at all: (file, records before the damage, words of the error).
REFUSED = {
    "jwat/1-1-20110922131213-00000-svc-VirtualBox.arc": (0, "WARC/1.1"),
    "jwat/IAH-20080430204825-00000-blackbook.arc.gz": (0, "WARC/1.1"),
    "jwat/invalid-arcfile-record-then-garbage.arc": (0, "WARC/1.1"),
    "jwat/invalid-compression.gz": (0, "a damaged one"),
    "jwat/invalid-entries.gz": (0, "WARC/1.1"),
    "jwat/invalid-magic.gz": (0, "no gzip member"),
    "jwat/invalid-truncated.gz": (0, "WARC/1.1"),
    "jwat/invalid-warcfile-digest-fields.warc": (0, "WARC-Block-Digest"),
    "jwat/invalid-warcfile-duplicate-fields.warc": (0, "one WARC-Type"),
    "jwat/invalid-warcfile-fields-empty.warc": (0, "WARC-Type"),
    "jwat/invalid-warcfile-fields-invalidformat.warc": (0, "WARC-Target-URI"),
    "jwat/invalid-warcfile-fields-missing.warc": (0, "WARC-Type"),
    "jwat/invalid-warcfile-lonely-continuation.warc": (0, "WARC-Record-ID"),
    "jwat/invalid-warcfile-lonely-monkeys.warc": (0, "LF alone"),
    "jwat/invalid-warcfile-lonely-request-response-resource-conversion.warc": (0, "WARC-Record-ID"),
    "jwat/invalid-warcfile-lonely-revisit.warc": (0, "WARC-Record-ID"),
    "jwat/invalid-warcfile-lonely-warcinfo-metadata.warc": (0, "WARC-Record-ID"),
    "jwat/invalid-warcfile-record-then-garbage.warc": (1, "The monkeys are a coming!"),
    "jwat/invalid-warcfile-segment-number-continuation.warc": (0, "WARC-Segment-Number"),
    "jwat/invalid-warcfile-segment-number-response.warc": (1, "WARC-Segment-Number"),
    "jwat/sample.txt.gz": (0, "WARC/1.1"),
    "jwat/small_BNF.arc": (0, "WARC/1.1"),
    "jwat/test-arc-1.0-dashed-fields.arc": (0, "WARC/1.1"),
    "jwat/test-arc-1.0-invalid-fields.arc": (0, "WARC/1.1"),
    "jwat/three-files.gz": (0, "WARC/1.1"),
    "warcio/bad.arc": (0, "WARC/1.1"),
    "warcio/example-bad-non-chunked.warc.gz": (0, "one record in the gzip member"),
    "warcio/example-bad.warc.gz.bad": (0, "one record in the gzip member"),
    "warcio/example-space-in-target-uri.warc.gz": (1, "WARC-Target-URI"),
    "warcio/example-space-in-url.arc": (0, "WARC/1.1"),
    "warcio/example-trunc.warc": (2, "two empty lines"),
    "warcio/example-wrong-chunks.warc.gz": (0, "a block of 1613 octets"),
    "warcio/example.arc": (0, "WARC/1.1"),
    "warcio/example.arc.gz": (0, "WARC/1.1"),
}

# What keeps the standard, and what it only recommends otherwise: (file, records).
READ = {
    "jwarc/cc.warc.gz": 1,
    "jwarc/gzip_extra_sl.warc.gz": 1,
    # 5.6: Content-Type *should* be there; 6.2: application/warc-fields is *recommended* for warcinfo.
    "jwat/invalid-warcfile-contenttype-recommended.warc": 7,
    "jwat/invalid-warcfile-contenttype-warcinfo-recommended.warc": 1,
    # Encoded words stay as they are written; clause 4 has them read, the community recommends not to.
    "jwat/invalid-warcfile-encoding-headers.warc.gz": 4,
    "jwat/test-utf8.warc": 1,
    "jwat/valid-warcfile-contenttype-continuation.warc": 1,
    "jwat/valid-warcfile-duplicate-concurrentto.warc": 1,
    "jwat/valid-warcfile-fields-continuation.warc": 1,
    "jwat/valid-warcfile-fields-metainfo.warc": 1,
    "jwat/valid-warcfile-fields-warcinfo.warc": 1,
    "jwat/valid-warcfile-non-warc-headers.warc": 1,
    "jwat/valid-warcfile-upper-lower-case.warc": 5,
    "jwat/valid-warcfile-utf8.warc": 1,
    "warcio/example-digest.warc": 4,
    "warcio/example-iana.org-chunked.warc": 3,
    "warcio/example-resource.warc.gz": 3,
    "warcio/example-wget-bad-target-uri.warc.gz": 6,
    "warcio/example.warc": 6,
    "warcio/example.warc.gz": 6,
    "warcio/post-test.warc.gz": 6,
}


# ISO 28500:2017 Annex B: the headers of its printed examples, without the version line.
EXAMPLES = {
    "warcinfo": """
WARC-Type: warcinfo
WARC-Date: 2006-09-19T17:20:14Z
WARC-Record-ID: <urn:uuid:d7ae5c10-e6b3-4d27-967d-34780c58ba39>
Content-Type: application/warc-fields
Content-Length: 381""",
    "response": """
WARC-Type: response
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Warcinfo-ID: <urn:uuid:d7ae5c10-e6b3-4d27-967d-34780c58ba39>
WARC-Date: 2016-09-19T17:20:24Z
WARC-Block-Digest: sha1:UZY6ND6CCHXETFVJD2MSS7ZENMWF7KQ2
WARC-Payload-Digest: sha1:CCHXETFVJD2MUZY6ND6SS7ZENMWF7KQ2
WARC-IP-Address: 207.241.233.58
WARC-Record-ID: <urn:uuid:92283950-ef2f-4d72-b224-f54c6ec90bb0>
Content-Type: application/http;msgtype=response
WARC-Identified-Payload-Type: image/jpeg
Content-Length: 1902""",
    "resource": """
WARC-Type: resource
WARC-Target-URI: file://var/www/htdoc/images/logoc.jpg
WARC-Date: 2016-09-30T16:40:32Z
WARC-Record-ID: <urn:uuid:23200706-de3e-3c61-a131-g65d7fd80cc1>
Content-Type: image/jpeg
WARC-Payload-Digest: sha1:DBXHDRBXLF4OMUZ5DN4JJ2KFUAOB6VK8
WARC-Block-Digest: sha1:DBXHDRBXLF4OMUZ5DN4JJ2KFUAOB6VK8
Content-Length: 1662""",
    "request": """
WARC-Type: request
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Warcinfo-ID: <urn:uuid:d7ae5c10-e6b3-4d27-967d-34780c58ba39>
WARC-Date: 2016-09-19T17:20:24Z
Content-Length: 236
WARC-Record-ID: <urn:uuid:4885803b-eebd-4b27-a090-144450c11594>
Content-Type: application/http;msgtype=request
WARC-Concurrent-To: <urn:uuid:92283950-ef2f-4d72-b224-f54c6ec90bb0>""",
    "metadata": """
WARC-Type: metadata
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Date: 2016-09-19T17:20:24Z
WARC-Record-ID: <urn:uuid:16da6da0-bcdc-49c3-927e-57494593b943>
WARC-Concurrent-To: <urn:uuid:92283950-ef2f-4d72-b224-f54c6ec90bb0>
Content-Type: application/warc-fields
WARC-Block-Digest: sha1:VXT4AF5BBZVHDYKNC2CSM8TEAWDB6CH8
Content-Length: 59""",
    "revisit": """
WARC-Type: revisit
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Date: 2017-06-23T12:43:35Z
WARC-Profile: http://netpreserve.org/warc/1.1/server-not-modified
WARC-Record-ID: <urn:uuid:16da6da0-bcdc-49c3-927e-57494593bbbb>
WARC-Refers-To: <urn:uuid:92283950-ef2f-4d72-b224-f54c6ec90bb0>
WARC-Refers-To-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Refers-To-Date: 2016-09-19T17:20:24Z
Content-Type: message/http
Content-Length: 226""",
    "conversion": """
WARC-Type: conversion
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Date: 2026-09-19T19:00:40Z
WARC-Record-ID: <urn:uuid:27ef1r9j-defr-25f9-328r-16859347dddd>
WARC-Refers-To: <urn:uuid:92283950-ef2f-4d72-b224-f54c6ec90bb0>
WARC-Block-Digest: sha1:XQMRY75YY42ZWC6JAT6KNXKD37F7MOEK
Content-Type: image/neoimg
Content-Length: 934""",
    "continuation": """
WARC-Type: continuation
WARC-Target-URI: http://www.archive.org/images/logoc.jpg
WARC-Date: 2016-09-19T17:20:24Z
WARC-Block-Digest: sha1:T7HXETFVA92MSS7ZENMFZY6ND6WF7KB7
WARC-Payload-Digest: sha1:CCHXETFVJD2MUZY6ND6SS7ZENMWF7KQ2
WARC-Record-ID: <urn:uuid:70653950-a77f-b212-e434-7a7c6ec909ef>
WARC-Segment-Origin-ID: <urn:uuid:39509228-ae2f-11b2-763a-aa4c6ec90bb0>
WARC-Segment-Number: 2
WARC-Segment-Total-Length: 1902
WARC-Identified-Payload-Type: image/jpeg
Content-Length: 302""",
}


def example(kind: str) -> Head:
    """Return the head of the standard's example of a *kind* record."""
    return parse(f"WARC/1.1{EXAMPLES[kind]}\n\n".replace("\n", "\r\n").encode(), kind)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_standards_own_example_is_read(kind: str) -> None:
    assert checked(example(kind), kind).type == kind


MANDATORY = [(kind, rule.name) for kind in EXAMPLES for rule in RULES if rule.required & {"*", kind}]


@pytest.mark.parametrize(("kind", "name"), MANDATORY)
def test_the_standards_example_without_a_mandatory_field_is_refused(kind: str, name: str) -> None:
    head = example(kind)
    lacking = replace(head, fields=tuple(field for field in head.fields if field[0] != name))
    with pytest.raises(FormatError, match=f"expected {name}.*found no such field"):
        checked(lacking, kind)


VALUES = {name: value for kind in EXAMPLES for name, value in example(kind).fields} | {"WARC-Filename": "a.warc"}
FORBIDDEN = [(kind, rule.name) for kind in EXAMPLES for rule in RULES if kind in rule.forbidden]


@pytest.mark.parametrize(("kind", "name"), FORBIDDEN)
def test_the_standards_example_with_a_field_that_its_type_shall_not_have_is_refused(kind: str, name: str) -> None:
    head = example(kind)
    with pytest.raises(FormatError, match=f"expected no {name} on a {kind} record"):
        checked(replace(head, fields=(*head.fields, (name, VALUES[name]))), kind)


def messages() -> list[Entry]:
    """Return records of HTTP messages that strangers can parse, some stored and some compressed."""
    parsed = ("plain", "folded", "repeated", "chunked", "larger-than-a-piece", "head-only")
    return [
        entry(ODD_MESSAGES[name], record_id=record_id(100 + n), stored=bool(n % 2)) for n, name in enumerate(parsed)
    ]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("warc") / "c-00000.warc.gz"
    writer = Writer(lambda _: durable.Appending(path, ".open"), warcinfo)
    writer.write(every_kind())
    writer.write(messages())
    writer.finish()
    return path


def expected() -> list[tuple[str, bytes]]:
    """Return record id and block of every record in ``ours``."""
    entries = [warcinfo("c-00000.warc.gz"), *every_kind(), *messages()]
    return [(f"<{each.record_id}>", each.block.read()) for each in entries]


def test_warcio_reads_every_block_to_the_octet(ours: Path) -> None:
    with ours.open("rb") as file:
        read = [
            (record.rec_headers.get_header("WARC-Record-ID"), record.raw_stream.read())
            for record in ArchiveIterator(file, no_record_parse=True)
        ]
    assert read == expected()


def test_warcio_check_finds_every_digest_right(ours: Path) -> None:
    command = [sys.executable, "-m", "warcio.cli", "check", "-v", str(ours)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    # An empty block has a digest like any other; warcio leaves it out.
    assert told.stdout.count("digest pass") == sum(bool(block) for _, block in expected())


def test_gzip_finds_the_file_whole(ours: Path) -> None:
    subprocess.run(["gzip", "--test", str(ours)], check=True, capture_output=True)


FASTWARC = """
import hashlib, json, sys
from fastwarc.warc import ArchiveIterator
with open(sys.argv[1], "rb") as file:
    for record in ArchiveIterator(file, parse_http=False):
        good = record.verify_block_digest()
        print(json.dumps([record.headers["WARC-Record-ID"], hashlib.sha256(record.reader.read()).hexdigest(), good]))
"""


def test_fastwarc_reads_every_block_and_finds_every_digest_right(ours: Path) -> None:
    if not JUDGES.exists():
        pytest.skip("the judges' environment .venv-judges with FastWARC is not there; `make test` makes it")
    told = subprocess.run([str(JUDGES), "-c", FASTWARC, str(ours)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    read = [json.loads(line) for line in told.stdout.splitlines()]
    assert read == [[name, entry(block).digest.hex, True] for name, block in expected()]


def corpus(name: str) -> Path:
    """Return a public test file, or skip where they are not at hand."""
    if not CORPUS.is_dir():
        pytest.skip("the public test files are not at hand; MUNIMENT_CORPUS names their folder")
    return CORPUS / name


@pytest.mark.parametrize("name", READ)
def test_a_strangers_valid_file_is_read_to_its_end(name: str) -> None:
    path = corpus(name)
    with path.open("rb") as file:
        read = list(reader.walk(file, file=path.name))
    assert len(read) == READ[name]
    assert sum(each.position.length for each in read) == path.stat().st_size


@pytest.mark.parametrize("name", [name for name in READ if name.endswith(".gz")])
def test_a_strangers_record_is_read_again_by_its_position(name: str) -> None:
    path = corpus(name)
    with path.open("rb") as file:
        for read in list(reader.walk(file, file=path.name)):
            again = reader.record_at(file, read.position.offset, read.position.length, file=path.name)
            assert again == read


@pytest.mark.parametrize("name", REFUSED)
def test_a_strangers_invalid_file_is_refused_where_it_is_wrong(name: str) -> None:
    before, words = REFUSED[name]
    path = corpus(name)
    read: list[reader.RecordRead] = []
    with path.open("rb") as file, pytest.raises(FormatError) as raised:
        read.extend(reader.walk(file, file=path.name))  # extend keeps what came before the failure
    offset = sum(each.position.length for each in read)
    assert len(read) == before
    assert raised.value.where == f"{path.name} at {offset}"
    assert words in str(raised.value)


def test_no_public_file_is_left_out() -> None:
    folders = ("jwarc", "jwat", "warcio")
    files = {f"{folder}/{path.name}" for folder in folders for path in corpus(folder).iterdir()}
    assert files == set(READ) | set(REFUSED)

"""Attacks on a packet, which comes from whoever sent it: on its records, paths, seal and proof, and on its reader."""

import shutil
from collections.abc import Callable
from pathlib import Path

from attack import Bench, attack


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def relined(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    path.write_text("".join(change(path.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")


def swap(one: Path, other: Path) -> None:
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


@attack("packet", "record-bit-flipped", "a bit of a stored record is another", "member")
def _(bench: Bench) -> None:
    # In the operating system's name, which a gzip header holds and nobody reads.
    flip(bench.only("7.warc.gz"), 9)


@attack("packet", "payload-bit-flipped", "a bit of a payload is another", "payload")
def _(bench: Bench) -> None:
    flip(bench.only("7.payload.mp4"), 7)


@attack("packet", "line-edited", "a line names another status", "merkle-root")
def _(bench: Bench) -> None:
    edit(bench.only("7.json"), '"status":200', '"status":201')


@attack("packet", "line-renumbered", "a line has the number of another", "manifest")
def _(bench: Bench) -> None:
    edit(bench.only("7.json"), '"n":7', '"n":8')


@attack("packet", "line-spelt-otherwise", "a line has a blank more", "manifest")
def _(bench: Bench) -> None:
    edit(bench.only("7.json"), '"n":7', '"n": 7')


@attack("packet", "line-with-a-lf", "a line has a LF behind it", "manifest")
def _(bench: Bench) -> None:
    edit(bench.only("7.json"), '"v":1}', '"v":1}\n')


@attack("packet", "paths-swapped", "two paths have changed places", "merkle-root")
def _(bench: Bench) -> None:
    swap(bench.only("7.path"), bench.only("8.path"))


@attack("packet", "path-cut", "a path lacks its last hash", "merkle-root")
def _(bench: Bench) -> None:
    relined(bench.only("7.path"), lambda lines: lines[:-1])


@attack("packet", "path-longer", "a path has a hash more", "merkle-root")
def _(bench: Bench) -> None:
    relined(bench.only("7.path"), lambda lines: [*lines, lines[0]])


@attack("packet", "path-in-capitals", "the hashes of a path are in capitals", "merkle-root")
def _(bench: Bench) -> None:
    relined(bench.only("7.path"), lambda lines: [each.upper() for each in lines])


@attack("packet", "path-missing", "a path is gone", "merkle-root")
def _(bench: Bench) -> None:
    bench.only("8.path").unlink()


@attack("packet", "records-swapped", "two records have changed places", "file")
def _(bench: Bench) -> None:
    swap(bench.only("7.warc.gz"), bench.only("8.warc.gz"))


@attack("packet", "record-missing", "a line is there, neither its record nor its payload", "file")
def _(bench: Bench) -> None:
    bench.only("7.warc.gz").unlink()
    bench.only("7.payload.mp4").unlink()


@attack("packet", "records-missing", "there is no record", "manifest")
def _(bench: Bench) -> None:
    shutil.rmtree(bench.only("records"))


@attack("packet", "seal-bit-flipped", "a bit of the sealed statement is another", "statement-signature")
def _(bench: Bench) -> None:
    flip(bench.only("statement.dsse.json"), 60)


@attack("packet", "signature-stripped", "the statement has no signature any more", "statement-signature")
def _(bench: Bench) -> None:
    path = bench.only("statement.dsse.json")
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index('"signatures":[') + 14] + "]}", encoding="utf-8")


@attack("packet", "keyid-changed", "the signature stands under another key's id", "statement-signature")
def _(bench: Bench) -> None:
    path = bench.only("statement.dsse.json")
    text = path.read_text(encoding="utf-8")
    at = text.index('"keyid":"') + 9
    path.write_text(text[:at] + "0" * 64 + text[at + 64 :], encoding="utf-8")


@attack("packet", "wrong-payload-type", "the envelope is of another type", "statement-signature")
def _(bench: Bench) -> None:
    edit(bench.only("statement.dsse.json"), "in-toto", "in-t0to")


@attack(
    "packet", "seal-of-another-capture", "statement, proof and checkpoint are those of another capture", "statement"
)
def _(bench: Bench) -> None:
    for name in ("statement.dsse.json", "checkpoint", "statement.tlog-proof"):
        shutil.copy(next(bench.stock.other_packet.rglob(name)), bench.only(name))


@attack("packet", "checkpoint-edited", "the checkpoint names another size", "checkpoint")
def _(bench: Bench) -> None:
    edit(bench.only("checkpoint"), "\n4\n", "\n5\n")


@attack("packet", "checkpoint-signature-stripped", "the checkpoint has no signature", "checkpoint")
def _(bench: Bench) -> None:
    relined(bench.only("checkpoint"), lambda lines: lines[:4])


@attack("packet", "checkpoint-missing", "the checkpoint is gone", "checkpoint")
def _(bench: Bench) -> None:
    bench.only("checkpoint").unlink()


@attack("packet", "proof-of-another-index", "the proof says that it is about another leaf", "log-entry-capture")
def _(bench: Bench) -> None:
    edit(bench.only("*.tlog-proof"), "index 1", "index 0")


@attack("packet", "proof-cut", "the proof lacks a hash", "log-entry-capture")
def _(bench: Bench) -> None:
    def shorter(lines: list[str]) -> list[str]:
        end = lines.index("\n")
        return lines[: end - 1] + lines[end:]

    relined(bench.only("*.tlog-proof"), shorter)


@attack(
    "packet",
    "proof-for-another-checkpoint",
    "the proof carries another checkpoint than the one beside it",
    "log-entry-capture",
)
def _(bench: Bench) -> None:
    edit(bench.only("*.tlog-proof"), "\n4\n", "\n3\n")


@attack("packet", "proof-missing", "the proof is gone", "log-entry-capture")
def _(bench: Bench) -> None:
    bench.only("*.tlog-proof").unlink()


@attack("packet", "file-added", "a file lies in it that nothing accounts for", "extra-file")
def _(bench: Bench) -> None:
    (bench.evidence / "readme.txt").write_bytes(b"trust me")


@attack("packet", "record-added", "a record lies in it without a line", "extra-file")
def _(bench: Bench) -> None:
    shutil.copy(bench.only("7.warc.gz"), bench.only("7.warc.gz").with_name("9.warc.gz"))


@attack("packet", "link-out-of-it", "a payload is a symbolic link to a file elsewhere", "file")
def _(bench: Bench) -> None:
    path = bench.only("7.payload.mp4")
    shutil.move(path, bench.evidence.parent / "elsewhere")
    path.symlink_to("../../../elsewhere")


@attack(
    "packet",
    "key-in-the-packet",
    "a stranger made it, with keys beside that the verifier does not know",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    shutil.rmtree(bench.evidence)
    shutil.copytree(bench.stock.stranger_packet, bench.evidence)


@attack(
    "packet",
    "key-whose-term-is-over",
    "the trust ended the belief in the operator's key before the capture",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with bench.trust.open("a", encoding="utf-8") as stream:
        stream.write("until = 2024-01-01T00:00:00Z\n")

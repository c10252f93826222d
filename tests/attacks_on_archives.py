"""Attacks on a whole archive: its WARC files, claims, seals and log, by outsiders, insiders and disks."""

import base64
import gzip
import hashlib
import hmac
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archives import Made, signers
from attack import Bench, attack
from muniment import canonical, layout, manifest
from muniment.digest import Digest
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.log.tree import leaf_hash, root
from muniment.seal import dsse

Changed = Callable[[dict[str, Any]], None]


def capture(bench: Bench, number: int = 0) -> str:
    return str(bench.stock.captures[number])


def at(bench: Bench, relative: object) -> Path:
    return bench.evidence / str(relative)


def warc(bench: Bench, number: int = 0) -> Path:
    return at(bench, layout.warc(capture(bench, number), 0))


def lines(bench: Bench, number: int = 0) -> list[bytes]:
    return at(bench, layout.manifest(capture(bench, number))).read_bytes().splitlines(keepends=True)


def put_lines(bench: Bench, changed: list[bytes], number: int = 0) -> None:
    at(bench, layout.manifest(capture(bench, number))).write_bytes(b"".join(changed))


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)


def envelope(bench: Bench, change: Changed, path: Path | None = None) -> None:
    """Change the envelope of the first statement, and write it in its canonical form."""
    where = path or at(bench, layout.statement(capture(bench)))
    said = canonical.decode(where.read_bytes(), where)
    change(said)
    where.write_bytes(canonical.encode(said))


def statement(bench: Bench, change: Changed, number: int = 0, *, held: Any = None, id_: str = "") -> None:
    """Let the operator, who holds the key, say something else in the statement, and seal it anew."""
    where = at(bench, layout.statement(id_ or capture(bench, number)))
    said = canonical.decode(dsse.unverified_payload(where.read_bytes()), where)
    change(said)
    signer = held or signers(bench.stock.archive, None).operator
    where.write_bytes(dsse.seal(canonical.encode(said), manifest.PAYLOAD_TYPE, [signer]))


def relogged(bench: Bench, made: Made, drop: frozenset[str] = frozenset(), add: str = "") -> None:
    """Write the whole log anew over what lies in the archive now, as somebody can who holds every key."""
    folder = at(bench, layout.log(made.origin))
    leaves = [Leaf.decode(each, "leaf") for each in Journal(bench.evidence, made.origin).entries()]
    leaves += [Leaf(kind, add, Digest.of_bytes(b"")) for kind in (LeafType.OPEN, LeafType.CAPTURE) if add]
    shutil.rmtree(folder)
    held = signers(made.archive, None)
    names = {LeafType.OPEN: layout.opening, LeafType.CAPTURE: layout.statement}
    for leaf in leaves:
        if leaf.id in drop:
            continue
        sealed = at(bench, names[leaf.type](leaf.id))
        if leaf.type is LeafType.CAPTURE:
            journal = Journal(bench.evidence, made.origin)
            places = [Leaf.decode(each, "leaf") for each in journal.entries()]
            index = next(n for n, each in enumerate(places) if each.id == leaf.id)
            quoted = Digest.of_bytes(journal.checkpoint_at(index + 1))

            def quote(said: dict[str, Any], index: int = index, quoted: Digest = quoted) -> None:
                said["predicate"]["opening"] |= {"index": index, "size": index + 1, "checkpoint": str(quoted)}

            statement(bench, quote, id_=leaf.id)
        added = Leaf(leaf.type, leaf.id, Digest.of_bytes(sealed.read_bytes())).encode()
        Journal(bench.evidence, made.origin).append(added, held.log, bench.trust.parent / "forgotten" / "checkpoint")
    shutil.rmtree(bench.trust.parent / "forgotten")
    for path in bench.evidence.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def rewritten(bench: Bench, old: bytes, new: bytes) -> None:
    """Change what a record says, and make every digest right again: record, line, manifest, sums, statement."""
    path = warc(bench)
    said = [json.loads(each) for each in lines(bench)]
    members, offset = [], 0
    content = path.read_bytes()
    for line in said[1:]:
        member = content[line["offset"] : line["offset"] + line["length"]]
        inflated = gzip.decompress(member)
        if old in inflated and line["kind"] == "response":
            assert len(old) == len(new)
            head, _, rest = inflated.partition(b"\r\n\r\n")
            block = rest[:-4].replace(old, new)
            digest = hashlib.sha256(block).hexdigest()
            head = _field(head, b"WARC-Block-Digest", digest)
            body = block.partition(b"\r\n\r\n")[2]
            head = _field(head, b"WARC-Payload-Digest", hashlib.sha256(body).hexdigest())
            inflated = head + b"\r\n\r\n" + block + b"\r\n\r\n"
            member = gzip.compress(inflated, 6, mtime=0)
            line |= {name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name in ("payload", "content")}
        line |= {
            "offset": offset,
            "length": len(member),
            "member": str(Digest.of_bytes(member)),
            "record": str(Digest.of_bytes(inflated)),
        }
        members.append(member)
        offset += len(member)
    path.write_bytes(b"".join(members))
    put_lines(bench, [canonical.encode(each) + b"\n" for each in said])
    resealed(bench)


def resealed(bench: Bench) -> None:
    """Make sums and statement right again over the files as they are now."""
    id_ = capture(bench)
    hashed = [leaf_hash(each.removesuffix(b"\n")) for each in lines(bench)]

    def say(said: dict[str, Any]) -> None:
        for each in said["subject"]:
            each["digest"]["sha256"] = hashlib.sha256(at(bench, each["name"]).read_bytes()).hexdigest()
        said["predicate"]["root"] = f"sha256:{root(hashed).hex()}"
        sums = "".join(f"{each['digest']['sha256']}  {each['name']}\n" for each in said["subject"])
        at(bench, layout.sums(id_)).write_text(sums, encoding="utf-8")

    statement(bench, say)


def _field(head: bytes, name: bytes, digest: str) -> bytes:
    said = name + b": sha256:" + digest.encode()
    return b"\r\n".join(said if line.startswith(name + b":") else line for line in head.split(b"\r\n"))


# WARC files


@attack("archive", "record-bit-flipped", "one bit of a stored payload is another", "warc-structure")
def _(bench: Bench) -> None:
    place = json.loads(lines(bench)[7])
    flip(warc(bench), place["offset"] + place["length"] // 2)


@attack("archive", "member-header-bit-flipped", "a bit of a gzip header, which carries no content", "member")
def _(bench: Bench) -> None:
    flip(warc(bench), json.loads(lines(bench)[3])["offset"] + 4)


@attack(
    "archive",
    "record-edited",
    "a payload was edited, its checksum and the digests in its header made right",
    "record",
)
def _(bench: Bench) -> None:
    place = json.loads(lines(bench)[7])
    content = warc(bench).read_bytes()
    begin, end = place["offset"], place["offset"] + place["length"]
    stored = content[begin:end]  # media is stored as it is, so that its octets can be found there
    inflated = gzip.decompress(stored)
    block = inflated.partition(b"\r\n\r\n")[2][:-4]
    body = block.partition(b"\r\n\r\n")[2]
    edited = bytes([body[0] ^ 1]) + body[1:]
    for old, new in ((body, edited), (block, block.replace(body, edited))):
        stored = stored.replace(hashlib.sha256(old).hexdigest().encode(), hashlib.sha256(new).hexdigest().encode())
    stored = stored.replace(body, edited)
    raw = zlib.decompressobj(-15).decompress(stored[10:])
    stored = stored[:-8] + zlib.crc32(raw).to_bytes(4, "little") + stored[-4:]
    assert gzip.decompress(stored) != inflated
    warc(bench).write_bytes(content[:begin] + stored + content[end:])


@attack(
    "archive",
    "record-compressed-again",
    "a record is stored anew by another compressor, and sealed digests stay",
    "warc-structure",
)
def _(bench: Bench) -> None:
    place = json.loads(lines(bench)[-1])
    content = warc(bench).read_bytes()
    member = gzip.compress(gzip.decompress(content[place["offset"] :]), 1, mtime=7)
    warc(bench).write_bytes(content[: place["offset"]] + member)


@attack("archive", "warc-cut", "the last 40 octets of a WARC file are gone", "warc-structure")
def _(bench: Bench) -> None:
    content = warc(bench).read_bytes()
    warc(bench).write_bytes(content[:-40])


@attack("archive", "record-behind-the-last", "a whole record more lies behind the last one", "manifest-warc")
def _(bench: Bench) -> None:
    last = json.loads(lines(bench)[-1])
    content = warc(bench).read_bytes()
    warc(bench).write_bytes(content + content[last["offset"] :])


@attack(
    "archive",
    "record-between",
    "a whole record more lies between two, and all offsets behind it are wrong",
    "manifest-warc",
)
def _(bench: Bench) -> None:
    place = json.loads(lines(bench)[5])
    content = warc(bench).read_bytes()
    member = content[place["offset"] : place["offset"] + place["length"]]
    warc(bench).write_bytes(content[: place["offset"]] + member + content[place["offset"] :])


@attack("archive", "extra-record-in-a-member", "a member inflates to its record and to another one", "warc-structure")
def _(bench: Bench) -> None:
    place = json.loads(lines(bench)[-1])
    content = warc(bench).read_bytes()
    record = gzip.decompress(content[place["offset"] :])
    member = gzip.compress(record + record, mtime=0)
    warc(bench).write_bytes(content[: place["offset"]] + member)
    changed = lines(bench)
    last = json.loads(changed[-1])
    last |= {"length": len(member), "member": str(Digest.of_bytes(member)), "record": str(Digest.of_bytes(record * 2))}
    put_lines(bench, [*changed[:-1], canonical.encode(last) + b"\n"])
    resealed(bench)


@attack("archive", "octets-without-a-record", "zeros lie behind the last record", "manifest-warc")
def _(bench: Bench) -> None:
    with warc(bench).open("ab") as stream:
        stream.write(bytes(100))


@attack("archive", "warcs-swapped", "the WARC files of two captures have changed places", "file-digest")
def _(bench: Bench) -> None:
    one, other = warc(bench, 0), warc(bench, 1)
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


@attack("archive", "warc-missing", "a WARC file is gone", "file")
def _(bench: Bench) -> None:
    warc(bench).unlink()


@attack("archive", "warc-is-a-link", "a WARC file is a symbolic link to one elsewhere with the same octets", "file")
def _(bench: Bench) -> None:
    away = bench.evidence.parent / "elsewhere.warc.gz"
    shutil.move(warc(bench), away)
    warc(bench).symlink_to("../../../../../../elsewhere.warc.gz")


@attack("archive", "records-swapped", "two records have changed places, and their lines kept theirs", "warc-structure")
def _(bench: Bench) -> None:
    first, second = json.loads(lines(bench)[7]), json.loads(lines(bench)[8])
    content = warc(bench).read_bytes()
    begin, middle = first["offset"], second["offset"]
    end = middle + second["length"]
    warc(bench).write_bytes(content[:begin] + content[middle:end] + content[begin:middle] + content[end:])


# Claims


@attack("archive", "line-edited", "a line of the manifest names another status", "merkle-root")
def _(bench: Bench) -> None:
    put_lines(bench, [each.replace(b'"status":200', b'"status":404') for each in lines(bench)])


@attack("archive", "lines-reordered", "two lines of the manifest have changed places", "merkle-root")
def _(bench: Bench) -> None:
    found = lines(bench)
    put_lines(bench, [*found[:-2], found[-1], found[-2]])


@attack("archive", "line-removed", "the line of the failed attempt is gone from the manifest", "merkle-root")
def _(bench: Bench) -> None:
    put_lines(bench, lines(bench)[:-1])


@attack(
    "archive",
    "line-removed-and-sealed-anew",
    "the operator took the failed attempt out of the manifest and sealed it anew; the log has the old seal",
    "log-entry-capture",
)
def _(bench: Bench) -> None:
    put_lines(bench, lines(bench)[:-1])
    resealed(bench)


@attack("archive", "line-added", "a line of another capture stands behind the last one", "merkle-root")
def _(bench: Bench) -> None:
    put_lines(bench, [*lines(bench), lines(bench, 1)[-1]])


@attack("archive", "line-with-a-key-twice", "a line of the manifest has a key twice", "manifest")
def _(bench: Bench) -> None:
    put_lines(bench, [each.replace(b'"status":200', b'"status":200,"status":404') for each in lines(bench)])


@attack("archive", "manifest-without-its-last-lf", "the manifest lacks the LF at its end", "manifest")
def _(bench: Bench) -> None:
    put_lines(bench, [b"".join(lines(bench))[:-1]])


@attack("archive", "manifest-of-another-capture", "the manifest is that of another capture", "merkle-root")
def _(bench: Bench) -> None:
    put_lines(bench, lines(bench, 1))


@attack("archive", "context-edited", "the private context names another operator", "file-digest")
def _(bench: Bench) -> None:
    path = at(bench, layout.context(capture(bench)))
    path.write_bytes(path.read_bytes().replace(b"Desk 1", b"Desk 2"))


@attack("archive", "context-removed", "the private context is gone", "file")
def _(bench: Bench) -> None:
    at(bench, layout.context(capture(bench))).unlink()


@attack("archive", "sums-edited", "SHA256SUMS lists another digest", "sums")
def _(bench: Bench) -> None:
    path = at(bench, layout.sums(capture(bench)))
    path.write_text(path.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")


@attack("archive", "file-added", "a file lies in a capture's folder that nothing accounts for", "extra-file")
def _(bench: Bench) -> None:
    at(bench, layout.claims(capture(bench)) / "note.txt").write_text("trust me\n", encoding="utf-8")


@attack("archive", "warc-added", "a WARC file more lies in a capture's folder", "extra-file")
def _(bench: Bench) -> None:
    shutil.copy(warc(bench, 1), at(bench, layout.warc(capture(bench), 1)))


# Seals


@attack("archive", "signature-stripped", "the statement has no signature any more", "statement-signature")
def _(bench: Bench) -> None:
    envelope(bench, lambda said: said.update(signatures=[]))


@attack(
    "archive",
    "statement-edited",
    "the statement says another number of records, under the old signature",
    "statement-signature",
)
def _(bench: Bench) -> None:
    def edit(said: dict[str, Any]) -> None:
        payload = base64.b64decode(said["payload"]).replace(b'"records":9', b'"records":8')
        said["payload"] = base64.b64encode(payload).decode()

    envelope(bench, edit)


@attack(
    "archive",
    "statement-of-another-capture",
    "the sealed statement of another capture lies in the place of this one's",
    "statement",
)
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.statement(capture(bench, 1))), at(bench, layout.statement(capture(bench))))


@attack(
    "archive", "signature-transplanted", "the statement bears the signature of another statement", "statement-signature"
)
def _(bench: Bench) -> None:
    other = canonical.decode(at(bench, layout.statement(capture(bench, 1))).read_bytes(), "other")
    envelope(bench, lambda said: said.update(signatures=other["signatures"]))


@attack(
    "archive", "keyid-changed", "the signature is good, and stands under the id of another key", "statement-signature"
)
def _(bench: Bench) -> None:
    envelope(bench, lambda said: said["signatures"][0].update(keyid="0" * 64))


@attack(
    "archive",
    "signed-by-a-stranger",
    "the statement is sealed by a key that the verifier does not know",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    stranger = signers(bench.stock.stranger.archive, None).operator
    # The last one, and the log has the stranger's seal as its leaf, so that the signature alone decides.
    statement(bench, lambda _: None, 1, held=stranger)
    relogged_as_it_is(bench)


def relogged_as_it_is(bench: Bench) -> None:
    made = bench.stock
    folder = at(bench, layout.log(made.origin))
    leaves = [Leaf.decode(each, "leaf") for each in Journal(bench.evidence, made.origin).entries()]
    shutil.rmtree(folder)
    held = signers(made.archive, None)
    names = {LeafType.OPEN: layout.opening, LeafType.CAPTURE: layout.statement}
    for leaf in leaves:
        sealed = at(bench, names[leaf.type](leaf.id)).read_bytes()
        added = Leaf(leaf.type, leaf.id, Digest.of_bytes(sealed)).encode()
        Journal(bench.evidence, made.origin).append(added, held.log, bench.trust.parent / "forgotten" / "checkpoint")
    shutil.rmtree(bench.trust.parent / "forgotten")


@attack(
    "archive",
    "key-in-the-package",
    "a stranger sealed and logged everything, and put the own keys beside it as the operator's",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    stranger = bench.stock.stranger
    shutil.rmtree(bench.evidence)
    shutil.copytree(stranger.root, bench.evidence)
    for path in bench.evidence.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


@attack(
    "archive",
    "algorithm-confused",
    "the signature is a MAC, made with the public key as its secret",
    "statement-signature",
)
def _(bench: Bench) -> None:
    def confuse(said: dict[str, Any]) -> None:
        public = signers(bench.stock.archive, None).operator.public
        message = dsse.pae(said["payloadType"], base64.b64decode(said["payload"]))
        said["signatures"][0]["sig"] = base64.b64encode(hmac.digest(public.spki, message, "sha512")).decode()

    envelope(bench, confuse)


@attack("archive", "wrong-context", "the payload is signed as another type than a statement", "statement-signature")
def _(bench: Bench) -> None:
    path = at(bench, layout.statement(capture(bench)))
    payload = dsse.unverified_payload(path.read_bytes())
    path.write_bytes(dsse.seal(payload, "text/plain", [signers(bench.stock.archive, None).operator]))


@attack("archive", "opening-as-statement", "the sealed opening lies in the place of the statement", "statement")
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.opening(capture(bench))), at(bench, layout.statement(capture(bench))))


@attack("archive", "envelope-with-a-key-twice", "the envelope has its payload twice", "statement-signature")
def _(bench: Bench) -> None:
    path = at(bench, layout.statement(capture(bench)))
    path.write_bytes(path.read_bytes().replace(b'{"payload":', b'{"payload":"e30=","payload":', 1))


@attack(
    "archive", "envelope-spelt-otherwise", "the envelope has a blank more, the signature is good", "statement-signature"
)
def _(bench: Bench) -> None:
    path = at(bench, layout.statement(capture(bench)))
    path.write_bytes(path.read_bytes().replace(b'"signatures":', b'"signatures": ', 1))


@attack("archive", "statement-removed", "the statement is gone, the log names it", "file")
def _(bench: Bench) -> None:
    at(bench, layout.statement(capture(bench))).unlink()


@attack("archive", "opening-removed", "the sealed opening is gone, the log names it", "file")
def _(bench: Bench) -> None:
    at(bench, layout.opening(capture(bench))).unlink()


@attack("archive", "opening-of-another-capture", "the opening is that of another capture", "opening")
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.opening(capture(bench, 1))), at(bench, layout.opening(capture(bench))))


@attack(
    "archive",
    "back-dated-by-the-operator",
    "the operator sealed the statement anew with times of five years before",
    "log-entry-capture",
)
def _(bench: Bench) -> None:
    statement(
        bench,
        lambda said: said["predicate"].update(
            opened="2019-12-10T09:30:01.000000Z", closed="2019-12-10T09:30:05.000000Z"
        ),
    )


@attack(
    "archive",
    "key-revoked",
    "the trust has the operator's key revoked since before the capture",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with bench.trust.open("a", encoding="utf-8") as stream:
        stream.write("revoked = 2024-01-01T00:00:00Z\n")


@attack(
    "archive",
    "key-not-yet-valid",
    "the trust believes the operator's key only from a day after the capture",
    "statement-signature",
    verdict="unverifiable",
)
def _(bench: Bench) -> None:
    with bench.trust.open("a", encoding="utf-8") as stream:
        stream.write("from = 2024-12-11T00:00:00Z\n")


# The log


@attack("archive", "capture-removed", "a capture's folders are gone, the log names it", "file")
def _(bench: Bench) -> None:
    for each in (layout.claims, layout.evidence):
        shutil.rmtree(at(bench, each(capture(bench))))


@attack(
    "archive", "capture-inserted", "a capture of the same operator lies here that no log names", "log-entry-capture"
)
def _(bench: Bench) -> None:
    source = bench.stock.twin
    for each in (layout.claims, layout.evidence):
        shutil.copytree(source.root / str(each(source.captures[0])), at(bench, each(source.captures[0])))


@attack("archive", "capture-renamed", "a capture lies under the id of another time", "log-entry-capture")
def _(bench: Bench) -> None:
    new = "20240101T000000Z-aaaaaa"
    for each in (layout.claims, layout.evidence):
        target = at(bench, each(new))
        target.parent.mkdir(parents=True)
        shutil.move(at(bench, each(capture(bench))), target)
    shutil.move(at(bench, layout.evidence(new) / warc(bench).name), at(bench, layout.warc(new, 0)))


@attack("archive", "leaf-edited", "a leaf in the log's entries names another digest", "log-tree")
def _(bench: Bench) -> None:
    for path in at(bench, layout.log(bench.stock.origin) / "tile" / "entries").rglob("*"):
        if path.is_file() and path.name == "4":
            flip(path, len(path.read_bytes()) - 40)


@attack("archive", "tile-edited", "a hash in a tile of the log is another", "log-tree")
def _(bench: Bench) -> None:
    flip(at(bench, layout.log(bench.stock.origin) / "tile" / "0" / "000.p" / "4"), 70)


@attack("archive", "tile-missing", "a tile of the log is gone", "log-files")
def _(bench: Bench) -> None:
    at(bench, layout.log(bench.stock.origin) / "tile" / "0" / "000.p" / "4").unlink()


@attack("archive", "tile-added", "a tile lies in the log that does not belong to it", "log-files")
def _(bench: Bench) -> None:
    folder = at(bench, layout.log(bench.stock.origin) / "tile" / "0")
    (folder / "001.p").mkdir()
    (folder / "001.p" / "1").write_bytes(bytes(32))


@attack("archive", "checkpoint-root-edited", "the newest checkpoint names another root", "checkpoint")
def _(bench: Bench) -> None:
    path = at(bench, layout.checkpoint_at(bench.stock.origin, 4))
    text = path.read_text(encoding="utf-8").split("\n")
    text[2] = base64.b64encode(bytes(32)).decode()
    path.write_text("\n".join(text), encoding="utf-8")


@attack("archive", "checkpoint-signature-stripped", "the newest checkpoint has no signature", "checkpoint")
def _(bench: Bench) -> None:
    path = at(bench, layout.checkpoint_at(bench.stock.origin, 4))
    path.write_text(path.read_text(encoding="utf-8").rpartition("\u2014")[0], encoding="utf-8")


@attack("archive", "checkpoint-missing", "the newest checkpoint is gone, its copy is there", "log-files")
def _(bench: Bench) -> None:
    at(bench, layout.checkpoint_at(bench.stock.origin, 4)).unlink()


@attack(
    "archive",
    "checkpoint-of-another-size",
    "the checkpoint of two leaves lies in the place of that of four",
    "checkpoint",
)
def _(bench: Bench) -> None:
    origin = bench.stock.origin
    shutil.copy(at(bench, layout.checkpoint_at(origin, 2)), at(bench, layout.checkpoint_at(origin, 4)))


@attack(
    "archive", "log-of-a-stranger", "the trust names another key for this log", "checkpoint", verdict="unverifiable"
)
def _(bench: Bench) -> None:
    own, other = bench.stock.trust.logs[0], bench.stock.stranger.trust.logs[0]
    text = bench.trust.read_text(encoding="utf-8").replace(str(own), str(other)).replace(own.name, other.name)
    bench.trust.write_text(text, encoding="utf-8")


@attack(
    "archive",
    "log-rolled-back",
    "an older backup was put back: the log and the archive of before the second capture",
    "against",
)
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.checkpoint_at(bench.stock.origin, 4)), bench.old)
    shutil.rmtree(bench.evidence)
    shutil.copytree(bench.stock.before.root, bench.evidence)
    for path in bench.evidence.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


@attack(
    "archive",
    "log-forked",
    "whoever holds all keys left the second capture out and went on with another; somebody kept a checkpoint",
    "against",
)
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.checkpoint_at(bench.stock.origin, 4)), bench.old)
    second = capture(bench, 1)
    for each in (layout.claims, layout.evidence):
        shutil.rmtree(at(bench, each(second)))
    twin = bench.stock.twin
    for each in (layout.claims, layout.evidence):
        shutil.copytree(twin.root / str(each(twin.captures[0])), at(bench, each(twin.captures[0])))
    relogged(bench, bench.stock, frozenset({second}), twin.captures[0])


@attack(
    "archive",
    "insider-with-every-key",
    "whoever holds all keys rewrote a page and sealed and logged everything anew; somebody kept a checkpoint",
    "against",
)
def _(bench: Bench) -> None:
    shutil.copy(at(bench, layout.checkpoint_at(bench.stock.origin, 4)), bench.old)
    rewritten(bench, b"killed", b"hidden")
    relogged(bench, bench.stock)


@attack(
    "archive",
    "log-reordered-by-an-insider",
    "whoever holds all keys logged two captures in the other order; somebody kept a checkpoint",
    "against",
)
def _(bench: Bench) -> None:
    made = bench.stock
    shutil.copy(at(bench, layout.checkpoint_at(made.origin, 2)), bench.old)
    turned = Made(made.root, made.home, tuple(reversed(made.captures)))
    folder = at(bench, layout.log(made.origin))
    leaves = [Leaf.decode(each, "leaf") for each in Journal(bench.evidence, made.origin).entries()]
    assert turned.captures != made.captures
    shutil.rmtree(folder)
    held = signers(made.archive, None)
    for leaf in leaves[2:] + leaves[:2]:
        Journal(bench.evidence, made.origin).append(
            leaf.encode(), held.log, bench.trust.parent / "forgotten" / "checkpoint"
        )
    shutil.rmtree(bench.trust.parent / "forgotten")

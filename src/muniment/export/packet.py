"""A packet: chosen records with all that is needed to verify them, and nothing of the records beside them.

Of the manifest it holds the lines of these records alone; the path of hashes from each to the statement's root shows
that it was among them, and the salt in every line keeps the others from being guessed (docs/formats.md, "Packets").
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from muniment import canonical, catalogue, durable, layout, manifest
from muniment.catalogue import Claims
from muniment.catalogue.credentials import carriers
from muniment.catalogue.payloads import copy, ending, evidence, refuse_inside
from muniment.digest import Digester
from muniment.durable import Appending
from muniment.errors import DigestMismatch, FormatError, JobError
from muniment.export.custody import put_custody
from muniment.export.instructions import instructions
from muniment.log import tree
from muniment.log.journal import Journal
from muniment.log.proof import SUFFIX
from muniment.manifest import Event
from muniment.model import Kind, Record

__all__ = ["Disclosed", "Given", "Wanted", "disclose"]

_PIECE: Final = 1 << 20
_READABLE: Final = 64 << 20
_UNFINISHED: Final = ".part"
_BODIES: Final = frozenset({Kind.RESPONSE, Kind.RESOURCE, Kind.CONVERSION})
_PROGRAMS: Final = ("verify.sh", "verify.py")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records of one capture by the numbers of their lines; ``exposed`` are given out whole though they hold secrets.

    With ``bodies`` the payloads alone are given out, requests and headers withheld.
    """

    capture: str
    numbers: tuple[int, ...]
    exposed: frozenset[int] = frozenset()
    bodies: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """One record that was put into a packet: whole, or its payload alone; ``why`` says why not whole."""

    capture: str
    line: Record
    whole: bool
    why: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a packet holds: records, the captures that they are of, and events of custody.

    ``kept_back`` are the ids of events that name other captures too, and are not in it.
    """

    given: tuple[Given, ...]
    claims: tuple[Claims, ...]
    events: tuple[Event, ...] = ()
    kept_back: tuple[str, ...] = ()


def disclose(root: Path, wanted: Sequence[Wanted], out: Path) -> Disclosed:
    """Make the new folder *out* a packet of what is *wanted* from the archive at *root*.

    A record that holds cookies or an authorisation is given without request and headers, its payload alone, unless it
    is exposed by name. Raises JobError where *out* is there already or lies in the archive, a record is not there, or
    one would show what opens an account and has no payload; DigestMismatch and FormatError for damage: then what was
    written stays and is no packet. Not promised: that a payload, or a URL, does not hold secrets of its own.
    """
    refuse_inside(root, out)
    claimed = [(each, catalogue.read(root, each.capture)) for each in wanted]
    chosen = [(each, claims, _chosen(root, each, claims)) for each, claims in claimed]
    if out.exists() or out.is_symlink():
        raise JobError(f"{out}: is there already; name a new folder for the packet with --out")
    durable.folder(out)
    given: list[Given] = []
    custody: list[Event] = []
    kept_back: list[str] = []
    for each, claims, lines in chosen:
        folder = out / each.capture
        durable.folder(folder / "records")
        _put_claims(root, claims, folder)
        given += _put_records(root, claims, lines, folder)
        held = put_custody(root, claims, folder)
        custody += held.events
        kept_back += held.kept_back
    _put_keys(root, [claims for _, claims in claimed], out)
    for name in _PROGRAMS:
        durable.create(out / name, (Path(__file__).parent / "recipient" / name).read_bytes(), mode=0o644)
    found = Disclosed(tuple(given), tuple(claims for _, claims in claimed), tuple(custody), tuple(kept_back))
    page = instructions(found, stamped=any(out.glob("*/stamps/*.tsr")))
    durable.create(out / "VERIFY.md", page.encode(), mode=0o644)
    return found


def _chosen(root: Path, wanted: Wanted, claims: Claims) -> list[tuple[Record, str]]:
    """Return the lines that are wanted, each with the reason why its headers are withheld, which may be none."""
    lines = {line.n: line for line in claims.records}
    missing = [number for number in wanted.numbers if number not in lines]
    if missing:
        raise JobError(f"{wanted.capture}:{missing[0]}: the capture has the records 1 to {len(lines)}, not this one")
    secret = _secret(root, claims, [lines[number] for number in wanted.numbers])
    found = []
    for number in sorted(set(wanted.numbers)):
        line = lines[number]
        why = ""
        if line.record_id in secret and number not in wanted.exposed:
            why = "it holds cookies, an authorisation or a password"
        elif wanted.bodies and line.kind in _BODIES:
            why = "only payloads were asked for"
        if why and (line.kind not in _BODIES or line.payload is None):
            raise JobError(
                f"{wanted.capture}:{number} ({line.kind} {line.url}): {why}, and there is no payload apart from that; "
                f"give it out whole, secrets and all, with --expose {wanted.capture}:{number}, or leave it out"
            )
        found.append((line, why))
    return found


def _secret(root: Path, claims: Claims, lines: Sequence[Record]) -> frozenset[str]:
    # What was listed at capture, and what a look at these records finds: either is enough to hold one back.
    context = canonical.decode(_read(root / layout.context(claims.capture)), layout.context(claims.capture))
    listed = context.get("credentials", []) if isinstance(context, dict) else []
    ordered = sorted(lines, key=lambda line: (line.position.file, line.position.offset))
    return frozenset(map(str, listed)) | frozenset(carriers(root / layout.evidence(claims.capture), ordered))


def _put_claims(root: Path, claims: Claims, folder: Path) -> None:
    """Put the sealed statement, its proof in the log, the checkpoint, and what others say of that."""
    durable.create(folder / "statement.dsse.json", _read(root / layout.statement(claims.capture)))
    journal, place = Journal(root, claims.place.origin), claims.place
    size = _size(root, journal, place.index)
    proof = journal.prove(place.index, size)
    durable.create(folder / f"statement{SUFFIX}", proof.encode())
    durable.create(folder / "checkpoint", proof.checkpoint)
    _put_stamps(root / layout.stamps(place.origin, size), folder / "stamps")
    cosigned = root / layout.cosignatures(place.origin, size)
    _put_beside(cosigned, folder / "cosignatures", [each for each in _names(cosigned) if each.endswith(".cosig")])
    opening = claims.statement.opening
    if _tokens(root / layout.stamps(opening.origin, opening.size)):
        durable.create(folder / "opening.checkpoint", _read(root / layout.checkpoint_at(opening.origin, opening.size)))
        _put_stamps(root / layout.stamps(opening.origin, opening.size), folder / "opening.stamps")


def _size(root: Path, journal: Journal, index: int) -> int:
    """Return the size of the log to prove by: the first that somebody time-stamped, else the newest."""
    sizes = [size for size in journal.sizes() if size > index]
    stamped = (size for size in sizes if _tokens(root / layout.stamps(journal.origin, size)))
    return next(stamped, sizes[-1])


def _tokens(folder: Path) -> list[str]:
    return [each for each in _names(folder) if each.endswith(".tsr")]


def _put_stamps(source: Path, folder: Path) -> None:
    """Put the tokens with their requests and chains; what a stamp that was cut short left is not handed on."""
    whole = {each.removesuffix(".tsr") for each in _tokens(source)}
    _put_beside(source, folder, [each for each in _names(source) if each.rpartition(".")[0] in whole])


def _put_beside(source: Path, folder: Path, names: Sequence[str]) -> None:
    if names:
        durable.folder(folder)
    for name in names:
        durable.create(folder / name, _read(source / name))


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_file()) if folder.is_dir() else []


def _put_records(root: Path, claims: Claims, lines: Sequence[tuple[Record, str]], folder: Path) -> Iterator[Given]:
    written = [manifest.encode_description(claims.description), *map(manifest.encode_record, claims.records)]
    hashed = [tree.leaf_hash(line) for line in written]
    if tree.root(hashed) != bytes.fromhex(claims.statement.root.hex):
        raise DigestMismatch(
            layout.manifest(claims.capture), expected=f"lines with the root {claims.statement.root}", found="others"
        )
    nodes = tree.nodes_of(hashed)
    for line, why in lines:
        at = folder / "records" / str(line.n)
        path = tree.inclusion_proof(nodes, line.n, len(hashed))
        durable.create(at.with_suffix(".json"), written[line.n])
        durable.create(at.with_suffix(".path"), "".join(f"{each.hex()}\n" for each in path.hashes).encode())
        warc = evidence(root, claims.capture, line)
        if not why:
            _copy_member(warc, line, at.with_suffix(".warc.gz"))
        if line.kind in _BODIES and line.payload is not None:
            _copy_bodies(warc, line, at)
        files = sorted(each for each in _names(folder / "records") if each.partition(".")[0] == str(line.n))
        yield Given(claims.capture, line, not why, why, tuple(f"{claims.capture}/records/{each}" for each in files))


def _copy_bodies(warc: Path, line: Record, at: Path) -> None:
    plain = line.content == line.payload
    copy(warc, line, at.with_suffix(f".payload.{ending(line) if plain else 'bin'}"), decoded=False)
    if line.content is None or plain:
        return
    target = at.with_suffix(f".content.{ending(line)}")
    try:
        copy(warc, line, target, decoded=True, cap=_READABLE)
    except FormatError:
        return  # longer than a person reads; the payload is there, and decodes to it


def _copy_member(warc: Path, line: Record, path: Path) -> None:
    """Copy the stored octets of one record, as they are: a WARC file of one record."""
    digester, left = Digester(), line.position.length
    with durable.opened(warc) as stored, Appending(path, _UNFINISHED) as grown:
        stored.seek(line.position.offset)
        while left and (piece := stored.read(min(left, _PIECE))):
            digester.update(piece)
            grown.write(piece)
            left -= len(piece)
        if digester.digest() != line.position.member:
            raise DigestMismatch(
                f"{warc} at {line.position.offset}", expected=str(line.position.member), found=str(digester.digest())
            )
        grown.finish()


def _put_keys(root: Path, claims: Sequence[Claims], out: Path) -> None:
    """Put the public keys beside, so that a recipient can compare them with those that he was given."""
    folder = root / layout.public_keys()
    wanted = {f"{keyid}.pem" for each in claims for keyid in each.signers}
    wanted |= {f"{each.place.origin}.vkey" for each in claims}
    durable.folder(out / "keys")
    for name in sorted(wanted & set(_names(folder))):
        durable.create(out / "keys" / name, _read(folder / name))


def _read(path: Path) -> bytes:
    with durable.opened(path) as stream:
        return stream.read()

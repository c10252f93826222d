"""Payloads taken out of a capture: under names of our own, held against what was sealed while they are copied."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from muniment import durable, layout, manifest
from muniment.catalogue.claims import Claims, read
from muniment.catalogue.facts import damaged, plain_name, where
from muniment.catalogue.rows import artefacts, resources
from muniment.digest import Digest, Digester
from muniment.durable import Appending
from muniment.errors import DigestMismatch, FormatError, IntegrityError, JobError
from muniment.message import entity
from muniment.message.url import Url
from muniment.model import Kind, Reason, Record
from muniment.warc import reader

__all__ = ["NOTE", "Choice", "Extracted", "copy", "ending", "evidence", "extract", "refuse_inside"]

NOTE: Final = "extracted.json"
"""The file beside the payloads that says where each came from."""
_SCHEMA: Final = "muniment.extracted/1"
# Decoding stays in proportion to what was stored; this only keeps a disk from filling beyond all reason.
_CAP: Final = 1 << 38
_GOT: Final = frozenset(
    {Reason.OK, Reason.TRUNCATED_LENGTH, Reason.TRUNCATED_TIME, Reason.TRUNCATED_DISCONNECT, Reason.SOFT_404}
)
_PIECE: Final = 1 << 20
_UNFINISHED: Final = ".part"
_PLACES: Final = ("archive", "manifests", "work")
# What a double click would run as a program gets an ending that opens a text editor.
_ENDINGS: Final = {
    "application/javascript": "txt", "application/json": "json", "application/ld+json": "json",
    "application/pdf": "pdf", "application/rss+xml": "xml", "application/vnd.apple.mpegurl": "m3u8",
    "application/x-mpegurl": "m3u8", "application/x-ndjson": "jsonl", "application/xhtml+xml": "xhtml",
    "application/xml": "xml", "application/zip": "zip", "application/dash+xml": "mpd", "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "m4a", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/opus": "opus", "audio/wav": "wav",
    "audio/webm": "weba", "audio/x-wav": "wav", "font/otf": "otf", "font/ttf": "ttf", "font/woff": "woff",
    "font/woff2": "woff2", "image/apng": "apng", "image/avif": "avif", "image/bmp": "bmp", "image/gif": "gif",
    "image/heic": "heic", "image/jpeg": "jpg", "image/jxl": "jxl", "image/png": "png", "image/svg+xml": "svg",
    "image/tiff": "tif", "image/vnd.microsoft.icon": "ico", "image/webp": "webp", "image/x-icon": "ico",
    "text/css": "css", "text/csv": "csv", "text/html": "html", "text/javascript": "txt", "text/plain": "txt",
    "text/vtt": "vtt", "text/xml": "xml", "video/mp2t": "ts", "video/mp4": "mp4", "video/mpeg": "mpg",
    "video/ogg": "ogv", "video/quicktime": "mov", "video/webm": "webm", "video/x-matroska": "mkv",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Which payloads are wanted: all conditions that are given must hold; ``stored`` keeps content codings on."""

    roles: Sequence[str] = ()
    urls: Sequence[str] = ()
    record_ids: Sequence[str] = ()
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was taken out: the note's document, and a sentence for each payload that is not what was sealed."""

    document: dict[str, Any]
    problems: tuple[str, ...]


def extract(root: Path, capture: str, choice: Choice, out: Path) -> Extracted:
    """Copy the payloads of *capture* that *choice* names into the folder *out*, and a note of their origin beside.

    Of what was made beside the answers, screenshots and the like, that is taken whose role or URL is named. Each is
    digested while it is copied and held against its line in the manifest; one that differs is removed again
    and becomes a problem, the others stay. Transfer codings are always taken off; content codings too, unless the
    choice is ``stored`` or they could not be taken off at capture (the note says so). Raises JobError where nothing
    was chosen, or *out* lies in the archive's folders or holds such files already: nothing is ever overwritten.
    Nothing is promised about what the files hold: a page or a document may be hostile to the program that opens it.
    """
    claims = read(root, capture)
    chosen = _chosen(claims, choice)
    refuse_inside(root, out)
    # The names are known before anything is written, because they are made of what was sealed.
    named = {_name(number, line, _wanted(line, choice)): line for number, line in enumerate(chosen, 1)}
    for each in (NOTE, *named):
        if (out / each).exists() or (out / each).is_symlink():
            raise JobError(f"{out / each}: is there already and is never overwritten; name an empty folder with --out")
    durable.folder(out)
    files, problems = [], []
    for name, line in named.items():
        try:
            copy(evidence(root, capture, line), line, out / name, decoded=_decoded(line, choice))
        except (FormatError, IntegrityError) as damage:
            problems.append(f"{damaged(line, damage)}; run `muniment verify`")
            continue
        files.append(_note(capture, line, name, choice))
    document = {"schema": _SCHEMA, "capture": capture, "files": files, "refused": problems}
    note = json.dumps(document, indent=2)  # in ASCII, so that no editor is led astray by what a URL holds
    durable.create(out / NOTE, note.encode() + b"\n", mode=0o644)
    return Extracted(document, tuple(problems))


def _chosen(claims: Claims, choice: Choice) -> list[Record]:
    urls = {spelt for each in choice.urls for spelt in _spellings(each)}
    if choice.record_ids:
        among = [line for line in (*claims.answers(), *artefacts(claims)) if line.record_id in choice.record_ids]
    else:
        among = [line for line in resources(claims) if line.outcome in _GOT or line.url in urls]
        among += [line for line in artefacts(claims) if line.role in choice.roles or line.url in urls]
    found = [
        line for line in among if (not choice.roles or line.role in choice.roles) and (not urls or line.url in urls)
    ]
    if not found:
        held = [*(line for line in resources(claims) if line.outcome in _GOT), *artefacts(claims)]
        roles = sorted({str(line.role) for line in held})
        words = f"its payloads have the roles {', '.join(roles)}" if roles else "it holds no payload"
        raise JobError(
            f"{claims.capture}: nothing in it is what was asked for; {words}; see `muniment show {claims.capture}`"
        )
    return found


def _spellings(url: str) -> tuple[str, ...]:
    # A person may write a URL otherwise than in the normal form in which it was asked for.
    try:
        return url, Url.parse(url).href
    except FormatError:
        return (url,)


def refuse_inside(root: Path, out: Path) -> None:
    """Raise JobError where *out* lies in a folder of the archive at *root* in which nothing is ever added."""
    inside = out.resolve()
    for each in _PLACES:
        if inside.is_relative_to((root / each).resolve()):
            raise JobError(f"{out}: lies in the archive's {each}/, where nothing is ever added; name another folder")


def _decoded(line: Record, choice: Choice) -> bool:
    return not choice.stored and line.content is not None


def _wanted(line: Record, choice: Choice) -> Digest | None:
    return line.content if _decoded(line, choice) else line.payload


def ending(line: Record) -> str:
    """Return the ending for a file of the content of *line*, from a closed table and never from the web."""
    return _ENDINGS.get(line.media_type, "bin")


def _name(number: int, line: Record, digest: Digest | None) -> str:
    # Nothing in it comes from the web but the digest and what the tables of roles and endings hold.
    coded = digest != line.content
    what = "film" if line.kind is Kind.CONVERSION else line.role or "other"
    return f"{number:02d}-{what}-{digest.hex[:12] if digest else 'none'}.{'bin' if coded else ending(line)}"


def evidence(root: Path, capture: str, line: Record) -> Path:
    """Return where the WARC file lies that holds *line* of *capture*; FormatError where it is no plain name."""
    return root / layout.evidence(capture) / plain_name(line)


def copy(warc: Path, line: Record, path: Path, *, decoded: bool, cap: int = _CAP) -> None:
    """Copy the payload of *line*, or with *decoded* its content, from the file *warc* into the new file *path*.

    Raises DigestMismatch where it is not what was sealed, FormatError for damage and for a content of more than *cap*
    octets; then nothing is left.
    """
    wanted = line.content if decoded else line.payload
    with contextlib.ExitStack() as stack:
        stored = stack.enter_context(durable.opened(warc))
        spool = stack.enter_context(durable.spool(path.parent))
        reader.block(stored, line.position, spool)  # which holds the stored member against its sealed digest
        digester = Digester()
        grown = stack.enter_context(Appending(path, _UNFINISHED))
        stack.callback(durable.remove, grown.path)  # which is not there any more once the file is finished
        for chunk in _octets(spool, line, cap if decoded else None):
            digester.update(chunk)
            grown.write(chunk)
        if digester.digest() != wanted:
            raise DigestMismatch(where(line), expected=f"{wanted}, as it was sealed", found=str(digester.digest()))
        grown.finish()


def _octets(spool: BinaryIO, line: Record, cap: int | None) -> Iterator[bytes]:
    if line.kind is not Kind.RESPONSE:  # the block is the payload itself
        spool.seek(0)
        return iter(lambda: spool.read(_PIECE), b"")
    return entity.payload(spool) if cap is None else entity.content(spool, cap=cap)


def _note(capture: str, line: Record, name: str, choice: Choice) -> dict[str, Any]:
    return {
        "file": name,
        "url": line.url,
        "capture": capture,
        "record_id": line.record_id,
        "warc": str(layout.evidence(capture) / line.position.file),
        "offset": line.position.offset,
        "length": line.position.length,
        "date": manifest.timestamp(line.date),
        "status": line.status,
        "media_type": line.media_type,
        "role": None if line.role is None else line.role.value,
        "size": line.size,
        "payload": str(line.payload),
        "content": None if line.content is None else str(line.content),
        "decoded": _decoded(line, choice),
        "truncated": None if line.truncated is None else line.truncated.value,
        "tls": line.tls,
    }

"""What a crash left of captures: seen by anyone, finished by whoever holds the keys; nothing is ever fetched.

The state of a capture is which files exist. Recovery touches only captures whose lock nobody holds, keeps what is
whole, sets aside what is torn, and runs the normal path to its end. It may itself be cut short at any step and be
called again.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from secrets import token_bytes
from typing import BinaryIO, Final

from muniment import __version__, durable, layout, manifest, scratch
from muniment.capture import context, sealing, stamping
from muniment.capture.archive import Archive
from muniment.capture.sealing import TOOL, Account, Signers
from muniment.catalogue.credentials import carriers
from muniment.digest import Digest
from muniment.errors import ArchiveLocked, FormatError, IntegrityError
from muniment.log.journal import Journal
from muniment.log.leaf import Leaf, LeafType
from muniment.model import Kind, Record, Role, State
from muniment.seal import dsse
from muniment.warc import reader

__all__ = ["Recovered", "left_open", "recover", "unfinished"]

_FINISHED: Final = "its sealed statement was there; its leaf is in the log now"
_ABANDONED: Final = "nothing had been received; the log says that it was given up"
_NOTHING: Final = "nothing had been sealed or fetched; its empty folders were removed"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovery did with one capture, in a sentence; ``set_aside`` octets were no whole record."""

    capture: str
    detail: str
    set_aside: int = 0


def left_open(root: Path) -> tuple[str, ...]:
    """Return the captures whose process is gone without having let go of its lock file: what a crash leaves.

    Looks at work/ alone, so it costs nothing in a large archive; :func:`unfinished` looks at everything.
    """
    folder = root / layout.lock("20000101T000000Z-aaaaaa").parent
    locks = sorted(folder.glob("*.lock")) if folder.is_dir() else []
    return tuple(path.stem for path in locks if layout.is_capture(path.stem) and not durable.held(path))


def unfinished(archive: Archive) -> tuple[str, ...]:
    """Return every capture of *archive* that was begun, is not being captured now, and has no closing in the log."""
    log = Journal(archive.root, archive.origin)
    leaves = [Leaf.decode(entry) for entry in log.entries()]
    closed = {leaf.id for leaf in leaves if leaf.type in {LeafType.CAPTURE, LeafType.ABANDONED}}
    begun = {leaf.id for leaf in leaves if leaf.type is LeafType.OPEN} | set(left_open(archive.root))
    for top in ("archive", "manifests"):
        begun |= {
            path.name for path in archive.path(top).glob("[0-9]*/[0-9]*/[0-9]*/*") if layout.is_capture(path.name)
        }
    waiting = begun - closed | set(left_open(archive.root))
    return tuple(sorted(each for each in waiting if not durable.held(archive.path(layout.lock(each)))))


def recover(archive: Archive, held: Signers, captures: tuple[str, ...], now: datetime) -> Iterator[Recovered]:
    """Finish each of *captures* as far as it can be finished, and say what was done.

    Raises StoreError when the disk refuses and IntegrityError when sealed files contradict each other; what was done
    before stays done.
    """
    if captures:
        # Whatever a killed process left visible may not be on the disk: nothing is built on it before it is.
        sealing.mend_log(archive, held)
    for capture in captures:
        lock = archive.path(layout.lock(capture))
        try:
            with durable.locked(lock, wait=False):
                done = _Recovery(archive, held, capture, now).run()
        except ArchiveLocked:
            continue  # it lives after all, or another recovery has it
        durable.remove(lock)
        yield done


@dataclass(slots=True)
class _Recovery:
    """One capture whose process is gone."""

    archive: Archive
    held: Signers
    capture: str
    now: datetime

    def run(self) -> Recovered:
        self._clear()
        opening_path = self._path(layout.opening(self.capture))
        if not opening_path.exists():
            return self._forget()
        sealed = opening_path.read_bytes()
        opening = self._opening(sealed)
        if self._is_closed():
            return Recovered(self.capture, "it was committed already")
        place = self._place(sealed)
        statement = self._path(layout.statement(self.capture))
        if statement.exists():
            self._log(LeafType.CAPTURE, Digest.of_bytes(statement.read_bytes()))
            return Recovered(self.capture, _FINISHED)
        return self._seal(opening, place)

    def _seal(self, opening: manifest.Opening, place: manifest.LogPlace) -> Recovered:
        if self._path(layout.manifest(self.capture)).exists():
            description, records = self._manifest()
        else:
            description, records = self._drafted(opening)
        torn = self._tails()
        warcs = sorted(path for path in self._names(layout.evidence(self.capture)) if path.name.endswith(".warc.gz"))
        if not warcs and not torn:
            durable.remove(self._open(layout.manifest(self.capture)))
            durable.remove_folder(self._path(layout.evidence(self.capture)))
            self._log(LeafType.ABANDONED, place.sealed)
            return Recovered(self.capture, _ABANDONED)
        bytes_aside = sum(self._path(path).stat().st_size for path in torn)
        last = max((record.date for record in records), default=opening.opened)
        account = Account(
            description=description,
            records=records,
            files=[*warcs, *torn],
            context=self._context(opening, records),
            opened=opening.opened,
            closed=max(self.now, opening.opened),
            place=place,
            recovered=manifest.Recovery(
                gap_seconds=max(0, round((self.now - last).total_seconds())),
                set_aside_bytes=bytes_aside,
                by=f"{TOOL} {__version__}",
            ),
        )
        sealing.seal(self.archive, self.held, account)
        detail = f"sealed as {description.verdict} with {len(records)} records and failed attempts"
        return Recovered(self.capture, detail, bytes_aside)

    def _clear(self) -> None:
        """Remove what no step promises, half-made files under temporary names, and sync what is left."""
        # The keys to what a browser received are not kept.
        scratch.clear(self._path(layout.browsing(self.capture)))
        for folder in (layout.evidence(self.capture), layout.claims(self.capture)):
            for path in self._names(folder):
                if path.name.startswith(".") and path.name.endswith(".tmp"):
                    durable.remove(self._path(path))
            durable.sync(self._path(folder))

    def _forget(self) -> Recovered:
        """Remove the folders of a capture that crashed before its opening was sealed, so before the first packet."""
        for folder in (layout.evidence(self.capture), layout.claims(self.capture)):
            durable.remove_folder(self._path(folder))
        return Recovered(self.capture, _NOTHING)

    def _opening(self, sealed: bytes) -> manifest.Opening:
        where = layout.opening(self.capture)
        opened = dsse.open(sealed, [self.held.operator.public], manifest.PAYLOAD_TYPE, where)
        return manifest.decode_opening(opened.payload, where)

    def _is_closed(self) -> bool:
        leaves = (Leaf.decode(entry) for entry in Journal(self.archive.root, self.archive.origin).entries())
        return any(leaf.id == self.capture and leaf.type in {LeafType.CAPTURE, LeafType.ABANDONED} for leaf in leaves)

    def _place(self, sealed: bytes) -> manifest.LogPlace:
        """Return where the opening lies in the log; it is logged now where the crash came before."""
        digest = Digest.of_bytes(sealed)
        index = self._log(LeafType.OPEN, digest)
        origin = self.archive.origin
        checkpoint = sealing.digest_of(self._path(layout.checkpoint_at(origin, index + 1)))
        return manifest.LogPlace(origin, index, index + 1, digest, checkpoint, stamping.kept(self.archive, index + 1))

    def _log(self, kind: LeafType, digest: Digest) -> int:
        leaf = Leaf(kind, self.capture, digest)
        index = Journal(self.archive.root, self.archive.origin).find(leaf.encode())
        return sealing.append(self.archive, self.held, leaf).index if index is None else index

    def _manifest(self) -> tuple[manifest.Description, list[Record]]:
        path = self._path(layout.manifest(self.capture))
        first, *rest = path.read_bytes().removesuffix(b"\n").split(b"\n")
        records = [manifest.decode_record(line, f"{path} line {n}") for n, line in enumerate(rest, 2)]
        return manifest.decode_description(first, path), records

    def _drafted(self, opening: manifest.Opening) -> tuple[manifest.Description, list[Record]]:
        """Return the lines whose records are whole, everything behind them set aside and the files finished."""
        draft = self._open(layout.manifest(self.capture))
        records: list[Record] = []
        kept = 0
        with ExitStack() as stack:
            streams: dict[str, BinaryIO] = {}
            for line in _lines(draft):
                record = self._whole(line, len(records) + 1, streams, stack)
                if record is None:
                    break
                records.append(record)
                kept += len(line) + 1
        if draft.exists():
            durable.set_aside(draft, kept, self._path(layout.torn(layout.manifest(self.capture), kept)))
        self._finish_files(records)
        answered = {record.url for record in records if record.outcome is not None}
        recorded = {
            record.url for record in records if record.kind is Kind.RESPONSE and record.role is not Role.REDIRECT
        }
        description = manifest.Description(
            salt=token_bytes(16),
            capture=self.capture,
            seed=opening.seed,
            engine=str(opening.rules.get("engine", "static")),
            verdict=State.INTERRUPTED,
            asked=len(answered),
            recorded=len(recorded),
        )
        return description, records

    def _whole(self, line: bytes, number: int, streams: dict[str, BinaryIO], stack: ExitStack) -> Record | None:
        """Return the record that *line* drafts where it is the next one and lies whole in its file, on the disk."""
        try:
            record = manifest.decode_record(line, "draft")
            place = record.position
            if place.file not in streams:
                path = self._warc(place.file)
                if path is None:
                    return None
                # What a failed fsync lost may still stand in the cache, and is called clean there.
                streams[place.file] = stack.enter_context(durable.uncached(path))
            found = reader.record_at(streams[place.file], place.offset, place.length, file=place.file)
        except (FormatError, IntegrityError):
            return None
        whole = found.record == record.record and found.position.member == place.member
        return record if whole and record.n == number else None

    def _warc(self, name: str) -> Path | None:
        """Return where the WARC file *name* lies, finished or not; None where it is no file of this capture."""
        final = layout.evidence(self.capture) / PurePosixPath(name).name
        return next((path for path in (self._path(final), self._open(final)) if path.is_file()), None)

    def _finish_files(self, records: list[Record]) -> None:
        ends: dict[str, int] = {}
        for record in records:
            ends[record.position.file] = record.position.offset + record.position.length
        for path in self._names(layout.evidence(self.capture)):
            final = path.with_name(path.name.removesuffix(layout.OPEN_SUFFIX))
            if not final.name.endswith(".warc.gz"):
                continue
            end = ends.get(final.name, 0)
            durable.set_aside(self._path(path), end, self._path(layout.torn(final, end)))
            if not end:
                durable.remove(self._path(path))
            elif final != path:
                durable.finish(self._path(path), self._path(final))

    def _tails(self) -> list[PurePosixPath]:
        folders = (layout.evidence(self.capture), layout.claims(self.capture))
        return [path for folder in folders for path in self._names(folder) if layout.is_torn(path, self.capture)]

    def _context(self, opening: manifest.Opening, records: Sequence[Record]) -> bytes:
        path = self._path(layout.context(self.capture))
        if path.exists():
            return path.read_bytes()
        operator = self.archive.settings.archive.operator
        held = carriers(self._path(layout.evidence(self.capture)), records)
        around = context.Circumstances(self.capture, operator, opening.opened, self.now, None, "", credentials=held)
        return context.encode(around, opening.rules)

    def _names(self, folder: PurePosixPath) -> list[PurePosixPath]:
        path = self._path(folder)
        return sorted(folder / each.name for each in path.iterdir()) if path.is_dir() else []

    def _path(self, relative: PurePosixPath) -> Path:
        return self.archive.path(relative)

    def _open(self, relative: PurePosixPath) -> Path:
        return self.archive.path(f"{relative}{layout.OPEN_SUFFIX}")


def _lines(path: Path) -> Iterator[bytes]:
    """Give the whole lines of *path*, without their LF, up to the first that is cut."""
    if not path.exists():
        return
    with durable.uncached(path) as stream:
        rest = b""
        while chunk := stream.read(1 << 20):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines

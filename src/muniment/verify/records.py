"""WARC files held against the lines of a manifest, both ways, in one pass over each file.

The same open file is digested and parsed. The ranges that the lines name must tile the file exactly; whatever lies
between, before or behind them is named. Memory does not grow with the size of a file or record; for each record a few
octets are kept, so that identifiers are seen to be unique and requests to be joined to their answers.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import BinaryIO, Final, cast

from muniment import layout
from muniment.digest import Digest
from muniment.errors import DigestMismatch, FormatError, IntegrityError, MunimentError, StoreError
from muniment.model import Check, Finding, Kind, Record, Verdict
from muniment.verify.checks import Depth, Scope, judged
from muniment.verify.files import Digested, Window, digested
from muniment.verify.handshakes import Handshakes, Said
from muniment.verify.payloads import Block, measured
from muniment.warc import reader
from muniment.warc.fields import Head

__all__ = ["Evidence", "check_alone", "placed"]

_TYPES: Final = {Kind.ATTEMPT: "metadata"}
_ANSWERS: Final = frozenset({Kind.RESPONSE, Kind.ATTEMPT})
_PASSES: Final = (
    (Check.RECORD, "{} records have the digests that their lines name"),
    (Check.MEMBER, "{} records are stored in the very octets that were sealed"),
    (Check.WARC_STRUCTURE, "{} records are whole and well-formed, the first is a warcinfo"),
    (Check.MANIFEST_WARC, "{} records tile the file exactly, and each agrees with its line"),
    (Check.PAYLOAD, "the payloads of {} records were digested and decoded again, with the same result"),
)


def placed(path: str, line: Record) -> str:
    """Return file, offset, record and URL in one subject, so that a person knows what is meant."""
    about = f"record {line.record_id}" + (f", {line.url}" if line.url else "")
    return f"{path} at {line.position.offset} ({about})"


class Evidence:
    """The WARC files of one capture, in order, as the lines of its manifest lead through them.

    *sealed* gives the digest of each file by its path, as the statement says; a digest of None is not known.
    *lines* False says that there is no manifest: then only structure and file digests are looked at. *cut* says that
    a crash cut the capture short, perhaps between an answer and its request.
    """

    def __init__(
        self, scope: Scope, capture: str, sealed: Mapping[str, Digest | None], *, lines: bool, cut: bool = False
    ) -> None:
        self._scope = scope
        self._folder = layout.evidence(capture)
        self._sealed = sealed
        self._lines = lines
        self._cut = cut
        self._done: set[str] = set()
        self._file: _Warc | None = None
        self._ids: set[bytes] = set()
        self._joins: dict[str, tuple[str, str]] = {}
        self._unread: set[str] = set()
        self._handshakes = Handshakes(scope, str(layout.manifest(capture)))

    def take(self, line: Record) -> None:
        """Read the record of *line*, which follows those taken before, and keep what is found."""
        path = str(self._folder / PurePosixPath(line.position.file).name)
        if path in self._scope.findings.gone:
            # It was deleted, and an event says so: what the line says of it stands, and cannot be held against it.
            self._refuse_twice(line, path)
            self._unread.add(line.record_id)
            self._handshakes.miss(line)
            return
        if self._file is None or self._file.path != path:
            if path not in self._sealed or path in self._done:
                self._refuse(line, path)
                return
            self._finish_file()
            self._file = _Warc(self._scope, path, self._sealed[path], lines=self._lines)
        self._refuse_twice(line, path)
        said = Said()
        read = self._file.take(line, said if self._handshakes.wants(line) else None)
        if read is None:
            self._unread.add(line.record_id)
        else:
            self._join(line, read.head, path)
        if read is not None and read.record == line.record:
            self._handshakes.take(line, said, placed(path, line))
        else:
            self._handshakes.miss(line)

    def finish(self) -> None:
        """Read what is left, also of files that no line led to, and say which requests have no answer."""
        self._finish_file()
        self._handshakes.finish()
        for path in self._sealed:
            if path not in self._done and path not in self._scope.findings.gone:
                self._file = _Warc(self._scope, path, self._sealed[path], lines=self._lines)
                self._finish_file()
        for subject, other in self._joins.values():
            if other in self._unread:
                continue  # it is named already, and whether it names this one cannot be told
            if self._cut and len(self._joins) == 1:
                detail = "The crash that cut this capture short came between this record and the one it belongs to."
                self._scope.findings.note(Check.WARC_STRUCTURE, subject, Verdict.ABSENT, detail)
                continue
            self._scope.findings.add(
                Finding(
                    Check.WARC_STRUCTURE,
                    subject,
                    Verdict.FAIL,
                    "A request and its answer are not joined by WARC-Concurrent-To.",
                    f"a record {other or 'that is concurrent to it'}, which names it",
                    "none",
                )
            )

    def _finish_file(self) -> None:
        if self._file is not None:
            self._file.finish()
            self._done.add(self._file.path)
            self._file = None

    def _refuse(self, line: Record, path: str) -> None:
        what = "a file whose records came before" if path in self._done else "a file that the statement does not list"
        error = IntegrityError(placed(path, line), expected="a line that follows the order of the files", found=what)
        self._scope.findings.add(judged(Check.MANIFEST_WARC, placed(path, line), error))

    def _refuse_twice(self, line: Record, path: str) -> None:
        identity = bytes.fromhex(line.record_id.removeprefix("urn:uuid:").replace("-", ""))
        if identity in self._ids:
            error = IntegrityError(placed(path, line), expected="each record once", found=f"{line.record_id} again")
            self._scope.findings.add(judged(Check.MANIFEST_WARC, placed(path, line), error))
        self._ids.add(identity)

    def _join(self, line: Record, head: Head, path: str) -> None:
        # Requests and their answers lie side by side, so what waits here is almost always nothing or one.
        if line.kind not in _ANSWERS and line.kind is not Kind.REQUEST:
            return
        other = head.value("WARC-Concurrent-To").removeprefix("<").removesuffix(">")
        if not other and line.kind is Kind.ATTEMPT:
            return  # nothing was sent, so there is no request
        waiting = self._joins.get(other)
        if waiting is not None and waiting[1] == line.record_id:
            del self._joins[other]
        else:
            self._joins[line.record_id] = placed(path, line), other


def check_alone(scope: Scope, path: str, line: Record) -> None:
    """Check the record of *line*, taken out of its file: it fills the file *path* by itself."""
    alone = _Warc(scope, path, line.position.member, lines=True, alone=True)
    alone.take(replace(line, position=replace(line.position, offset=0)), None)
    alone.finish()


class _Warc:
    """One WARC file that is read forward: each record at its place, the octets between them, and the whole."""

    def __init__(self, scope: Scope, path: str, sealed: Digest | None, *, lines: bool, alone: bool = False) -> None:
        self.path = path
        self._scope = scope
        self._sealed = sealed
        self._lines = lines
        self._alone = alone
        self._stack = ExitStack()
        self._stream: Digested | None = None
        self._taken = 0
        self._whole = 0
        self._failed: set[Check] = set()
        try:
            self._stream = self._stack.enter_context(digested(scope, path))
        except StoreError as failure:
            scope.findings.accounted.add(path)
            scope.findings.add(judged(Check.FILE, path, failure))

    def take(self, line: Record, said: Said | None) -> reader.RecordRead | None:
        """Read the record of *line*, its block into *said*; None where that cannot be done, which is then a finding."""
        if self._stream is None:
            return None
        self._taken += 1
        subject = placed(self.path, line)
        if line.position.offset < self._stream.tell():
            found = f"{line.position.offset}, within the record before it"
            error = IntegrityError(subject, expected=f"offset {self._stream.tell()}", found=found)
            self._fail(judged(Check.MANIFEST_WARC, subject, error))
            return None
        self._gap(line.position.offset - self._stream.tell())
        if self._stream.tell() < line.position.offset:
            found = f"the file ends at {self._stream.tell()}"
            error = IntegrityError(subject, expected=f"a record at {line.position.offset}", found=found)
            self._fail(judged(Check.WARC_STRUCTURE, subject, error))
            return None
        try:
            read, block = self._read(line, self._stream, said)
        except MunimentError as failure:
            self._fail(judged(Check.WARC_STRUCTURE, subject, failure))
            return None
        self._whole += 1
        self._scope.findings.counts["attempts" if line.kind is Kind.ATTEMPT else "records"] += 1
        with block:
            self._compare(line, read, subject)
            if self._scope.depth is Depth.PAYLOADS:
                self._compare_payload(line, read, block, subject)
        return read

    def _read(self, line: Record, stream: Digested, said: Said | None) -> tuple[reader.RecordRead, Block]:
        block = Block(is_wanted=self._scope.depth is Depth.PAYLOADS and line.kind is Kind.RESPONSE)

        def into(_: Head) -> Callable[[bytes], object]:
            return block.write if said is None else said.write

        try:
            read = reader.record_at(
                cast("BinaryIO", stream), line.position.offset, line.position.length, file=self.path, into=into
            )
        except MunimentError:
            block.close()
            raise
        return read, block

    def finish(self) -> None:
        """Read to the end of the file and hold the whole against what was sealed."""
        if self._stream is None:
            return
        with self._stack:
            if self._lines:
                self._gap(None)
            else:
                self._walk()
            digest = self._stream.digest()
        self._scope.findings.digest(self.path, self._sealed, digest)
        for check, passes in _PASSES:
            left_out = check is Check.PAYLOAD and self._scope.depth is Depth.RECORDS
            # What could not be read was not checked: then nothing is said to have passed that is about every record.
            if check not in self._failed and self._taken and self._whole == self._taken and not left_out:
                self._scope.findings.note(check, self.path, Verdict.PASS, passes.format(f"{self._taken:,}"))

    def _fail(self, failure: Finding) -> None:
        self._failed.add(failure.check)
        self._scope.findings.add(failure)

    def _compare(self, line: Record, read: reader.RecordRead, subject: str) -> None:
        if read.record != line.record:
            self._fail(
                Finding(
                    Check.RECORD,
                    subject,
                    Verdict.FAIL,
                    "The record is not the one that was sealed.",
                    str(line.record),
                    str(read.record),
                )
            )
        elif read.position.member != line.position.member:
            detail = "What the record says is intact, but it is stored in other octets: it was compressed again, or a "
            detail += "bit changed that carries no content."
            member = str(line.position.member), str(read.position.member)
            self._fail(Finding(Check.MEMBER, subject, Verdict.FAIL, detail, *member))
        for what, expected, found in _disagreements(line, read.head):
            detail = f"The record's {what} is not what its line in the manifest says."
            self._fail(Finding(Check.MANIFEST_WARC, subject, Verdict.FAIL, detail, expected, found))
        if not self._alone and (self._taken == 1) != (read.head.type == "warcinfo"):
            where = "first, and only there" if self._taken > 1 else "first"
            error = FormatError(subject, expected=f"a warcinfo record {where}", found=f"a {read.head.type} record")
            self._fail(judged(Check.WARC_STRUCTURE, subject, error))

    def _compare_payload(self, line: Record, read: reader.RecordRead, block: Block, subject: str) -> None:
        try:
            for what, expected, found in measured(line, read, block):
                if expected != found:
                    raise DigestMismatch(f"{subject}, {what}", expected=expected, found=found)
        except MunimentError as failure:
            self._fail(judged(Check.PAYLOAD, subject, failure))

    def _gap(self, length: int | None) -> None:
        """Read the next *length* octets (None: all) that no line accounts for, and name the records among them."""
        if length == 0 or self._stream is None:
            return
        begin = self._stream.tell()
        window = Window(self._stream, 1 << 62 if length is None else length)
        named = 0
        with suppress(FormatError):
            for read in reader.walk(cast("BinaryIO", window), file=self.path):
                named += 1
                at = begin + read.position.offset
                about = f"record {read.head.record_id}" + (f", {url}" if (url := read.head.target_uri) else "")
                detail = "The file holds a whole record that the manifest does not list."
                subject = f"{self.path} at {at} ({about})"
                self._fail(Finding(Check.MANIFEST_WARC, subject, Verdict.FAIL, detail, "no record here", "one"))
        while window.read(1 << 20):
            pass
        octets = self._stream.tell() - begin
        if octets and not named:
            detail = f"{octets:,} octets belong to no record that the manifest lists"
            detail += ", behind the last one." if length is None else "."
            subject = f"{self.path} at {begin}"
            error = Finding(
                Check.MANIFEST_WARC, subject, Verdict.FAIL, detail, "the ranges to tile the file", f"{octets} more"
            )
            self._fail(error)

    def _walk(self) -> None:
        # Without a manifest nothing says which records there ought to be; whether they are whole can still be said.
        try:
            for _ in _records(self._stream, self.path):
                self._scope.findings.counts["records"] += 1
        except FormatError as failure:
            self._fail(judged(Check.WARC_STRUCTURE, failure.where, failure))
        if self._stream is not None:
            self._stream.rest()


def _records(stream: Digested | None, path: str) -> Iterator[reader.RecordRead]:
    yield from reader.walk(cast("BinaryIO", stream), file=path)


def _disagreements(line: Record, head: Head) -> Iterator[tuple[str, str, str]]:
    """Yield what the fields of the record and its line say differently: name, what the line says, what the record."""
    fields = {name.lower(): value for name, value in reversed(head.fields)}
    pairs: list[tuple[str, object, object]] = [
        ("identifier", line.record_id, head.record_id),
        ("type", _TYPES.get(line.kind, line.kind.value), fields.get("warc-type", "").lower()),
        ("URL", line.url, head.target_uri),
        ("date", line.date, head.date),
    ]
    if line.kind is not Kind.REQUEST:  # whose line does not say that its end was not kept
        pairs.append(("truncation", line.truncated or "", fields.get("warc-truncated", "").lower()))
    if address := fields.get("warc-ip-address"):
        pairs.append(("address", line.address, address))
    if payload := fields.get("warc-payload-digest"):
        pairs.append(("payload digest", str(line.payload or ""), payload))
    for what, expected, found in pairs:
        if expected != found:
            yield what, str(expected) or "nothing", str(found) or "nothing"

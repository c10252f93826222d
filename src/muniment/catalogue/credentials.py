"""Which records hold what opens an account, cookies and passwords, so that a disclosure can hold them back."""

import itertools
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from muniment import durable
from muniment.model import Kind, Record
from muniment.warc import reader
from muniment.warc.fields import Head

__all__ = ["Credentials", "carriers"]

_LOOKED_AT: Final = 256 << 10
_NAMES: Final = rb"cookie|set-cookie|authorization|proxy-authorization|x-api-key|x-auth-token|x-csrf-token"
_FIELD: Final = re.compile(rb"^(?:" + _NAMES + rb")[ \t]*:", re.IGNORECASE | re.MULTILINE)
_PASSWORD: Final = re.compile(rb"passw(?:or)?d|passwd", re.IGNORECASE)
# As the facts of an HTTP/2 stream name a field, and as yt-dlp says with which cookies a film was asked for.
_NAMED: Final = re.compile(rb'"(?:' + _NAMES + rb'|cookies)"', re.IGNORECASE)
_KINDS: Final = frozenset({Kind.REQUEST, Kind.RESPONSE, Kind.METADATA, Kind.ATTEMPT, Kind.RESOURCE})


def carriers(folder: Path, records: Sequence[Record]) -> tuple[str, ...]:
    """Return the ids of those of *records* that hold credentials, reading their files in *folder*.

    Raises FormatError where a record is not whole, StoreError where a file cannot be read.
    """
    found = Credentials()
    for file, lines in itertools.groupby(records, lambda record: record.position.file):
        with durable.opened(folder / file) as stream:
            for line in lines:
                look, place = found.show(line), line.position
                reader.record_at(stream, place.offset, place.length, file=file, into=partial(_into, look))
    return found.carriers()


def _into(look: Callable[[bytes], object], _: Head) -> Callable[[bytes], object]:
    return look


class Credentials:
    """Is shown the records of a capture as they are read from the disk, each by ``show``, and tells which hold some.

    Looked for are the fields that carry them in HTTP, and passwords in what a request sends, within the first 256 KiB
    of a record. Not promised: that nothing else does. A token may be part of a URL, and a page shows who is logged in.
    """

    def __init__(self) -> None:
        self._carriers: list[str] = []
        self._line: Record | None = None
        self._held = bytearray()

    def show(self, line: Record) -> Callable[[bytes], object]:
        """Return what the block of *line* is to be given to, before the next is shown."""
        self._judge()
        if line.kind not in _KINDS:
            return len
        self._line = line
        return self._hold

    def carriers(self) -> tuple[str, ...]:
        """Return the ids of the records that hold credentials, in order."""
        self._judge()
        return tuple(self._carriers)

    def _judge(self) -> None:
        line, self._line = self._line, None
        if line is not None and _holds(line.kind, bytes(self._held)):
            self._carriers.append(line.record_id)
        self._held.clear()

    def _hold(self, octets: bytes) -> None:
        self._held += octets[: _LOOKED_AT - len(self._held)]


def _holds(kind: Kind, block: bytes) -> bool:
    head, _, body = block.partition(b"\r\n\r\n")
    match kind:
        case Kind.RESPONSE:
            return bool(_FIELD.search(head))
        case Kind.REQUEST:
            return bool(_FIELD.search(head) or _PASSWORD.search(body))
        case Kind.RESOURCE:
            return block.startswith(b"{") and bool(_NAMED.search(block))
        case _:
            return b'"http2":' in block and bool(_NAMED.search(block))

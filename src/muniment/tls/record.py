"""The record layer (RFC 8446 section 5, RFC 5246 section 6): from a stream to records, from records to messages."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from muniment.errors import FormatError

__all__ = ["MAX_CONTENT", "MAX_MESSAGE", "ContentType", "Messages", "Record", "Records"]

MAX_CONTENT: Final = 1 << 14
"""The most octets that one record may carry (RFC 8446 5.1)."""
MAX_MESSAGE: Final = 128 << 10
"""The longest handshake message that is read; browsers take certificate chains of about 100 KiB at most."""

_HEADER: Final = 5
# RFC 5246 6.2.3 allows 2,048 octets of protection, RFC 8446 5.2 only 256; what was protected is measured when opened.
_MAX_FRAGMENT: Final = MAX_CONTENT + 2048
# Room for the longest record and what follows it; a stream that has to wait is not read further.
_ROOM: Final = 64 << 10


class ContentType(IntEnum):
    """What a record carries (RFC 8446 5.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it crossed the wire: its five octets of header, and its fragment."""

    type: ContentType
    header: bytes
    fragment: bytes

    @property
    def octets(self) -> bytes:
        """The record whole."""
        return self.header + self.fragment


class Records:
    """One direction's octets, and the record at their front.

    ``position`` counts the octets of the stream that were taken in, ``consumed`` those of the records that were
    removed. At most 64 KiB lie in between: :meth:`add` takes no more than there is room for.
    """

    __slots__ = ("_pending", "_where", "consumed")

    def __init__(self, where: str) -> None:
        self._where = where
        self._pending = bytearray()
        self.consumed = 0

    @property
    def position(self) -> int:
        """How many octets of the stream were taken in."""
        return self.consumed + len(self._pending)

    def add(self, octets: bytes | memoryview) -> int:
        """Take in as much of *octets* as there is room for, and return how much that was."""
        room = min(_ROOM - len(self._pending), len(octets))
        self._pending += octets[:room]
        return room

    def first(self) -> Record | None:
        """Return the record at the front without removing it; None where it is not whole yet.

        Raises FormatError, naming the position, for whatever is no record of TLS.
        """
        if len(self._pending) < _HEADER:
            return None
        header = bytes(self._pending[:_HEADER])
        size = int.from_bytes(header[3:], "big")
        # RFC 8446 5.1: the version of a record says nothing; that its first octet is 3 tells TLS from anything else.
        if header[0] not in ContentType.__members__.values() or header[1] != 3:
            raise FormatError(self.where, expected="a TLS record", found=repr(header))
        if size > _MAX_FRAGMENT:
            raise FormatError(self.where, expected="a record of about 16 KiB at most", found=f"one of {size} octets")
        if len(self._pending) < _HEADER + size:
            return None
        return Record(ContentType(header[0]), header, bytes(self._pending[_HEADER : _HEADER + size]))

    def remove(self, record: Record) -> None:
        """Remove *record*, which is the first."""
        size = _HEADER + len(record.fragment)
        del self._pending[:size]
        self.consumed += size

    @property
    def next_position(self) -> int:
        """The position in the stream of the octet after the first record, which must be whole."""
        return self.consumed + _HEADER + int.from_bytes(self._pending[3:_HEADER], "big")

    @property
    def where(self) -> str:
        """The place of the first record, for a sentence."""
        return f"{self._where} at {self.consumed}"


class Messages:
    """Handshake messages put together from fragments (RFC 8446 5.1): several in one record, one over several."""

    __slots__ = ("_pending", "_where")

    def __init__(self, where: str) -> None:
        self._where = where
        self._pending = bytearray()

    def add(self, fragment: bytes) -> None:
        """Take *fragment* in. Raises FormatError for an empty one, and for a message of more than 128 KiB."""
        if not fragment:
            # RFC 8446 5.1: "Implementations MUST NOT send zero-length fragments of Handshake types".
            raise FormatError(self._where, expected="a handshake message", found="an empty record")
        self._pending += fragment

    def next(self) -> bytes | None:
        """Return the next whole message with its four octets of header."""
        if len(self._pending) < 4:
            return None
        size = int.from_bytes(self._pending[1:4], "big")
        if size > MAX_MESSAGE:
            raise FormatError(
                self._where, expected=f"a handshake message of at most {MAX_MESSAGE} octets", found=f"one of {size}"
            )
        if len(self._pending) < 4 + size:
            return None
        message = bytes(self._pending[: 4 + size])
        del self._pending[: 4 + size]
        return message

    def finish(self) -> None:
        """Refuse the beginning of a message where none may be.

        RFC 8446 5.1: messages do not span a change of keys, nor do records of other types lie between fragments.
        """
        if self._pending:
            raise FormatError(
                self._where, expected="whole handshake messages before this record", found="a part of one"
            )

"""What passes over one connection, told piece by piece in one vocabulary for HTTP/1 and HTTP/2.

Each event names its ``stream``: the stream's identifier in HTTP/2, in HTTP/1 the number of the request on its
connection, from 1; 0 where there is none. Octets of heads are those of a WARC block: in HTTP/1 exactly as they came,
in HTTP/2 transliterated, and ``fields`` then holds the exact ones (it is empty in HTTP/1).
"""

from dataclasses import dataclass
from enum import StrEnum

from muniment.message.head import Head, Request

__all__ = [
    "Body",
    "Closed",
    "End",
    "Ending",
    "Endpoint",
    "Event",
    "Field",
    "Fields",
    "GoAway",
    "Interim",
    "Oddity",
    "RequestHead",
    "ResponseHead",
    "Surplus",
    "Trailers",
    "Tunnel",
]


class Endpoint(StrEnum):
    """Which end of the connection sent something."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def peer(self) -> "Endpoint":
        """The other end."""
        return Endpoint.SERVER if self is Endpoint.CLIENT else Endpoint.CLIENT


class Ending(StrEnum):
    """How a stream was closed: both messages whole, reset by an end, cut with its connection, or beyond reading."""

    WHOLE = "whole"
    RESET = "reset"
    CUT = "cut"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Field:
    """A field line as HPACK gave it; ``never_indexed`` where the sender asked to keep it out of every table."""

    name: bytes
    value: bytes
    never_indexed: bool = False


Fields = tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request was begun; ``promised_on`` is the stream whose answer promised it (server push), else 0.

    ``protocol`` is what it offers to switch to: the field Upgrade, or ``:protocol`` (RFC 8441).
    """

    stream: int
    request: Request
    octets: bytes
    fields: Fields = ()
    protocol: str = ""
    promised_on: int = 0


@dataclass(frozen=True, slots=True)
class Interim:
    """An interim answer (1xx); there may be many before the final one."""

    stream: int
    octets: bytes
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of the final answer, 101 and the answer to a CONNECT included.

    In HTTP/2 ``head.framing`` says what the fields say; where the body ends, END_STREAM alone tells.
    """

    stream: int
    head: Head
    octets: bytes
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Body:
    """The next octets of a message's body, as they crossed: with their chunked coding, without frames and padding."""

    stream: int
    sender: Endpoint
    octets: bytes


@dataclass(frozen=True, slots=True)
class Trailers:
    """The trailer fields of an HTTP/2 message; in HTTP/1 they are part of the chunked body."""

    stream: int
    sender: Endpoint
    fields: Fields


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The next octets of what is no HTTP any more: after a switch (101) or a CONNECT."""

    stream: int
    sender: Endpoint
    octets: bytes


@dataclass(frozen=True, slots=True)
class Surplus:
    """Octets that belong to no message: after its end, before any, of a head that never became whole."""

    stream: int
    sender: Endpoint
    octets: bytes


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something on one stream that the standard forbids and that could be read past; ``fields`` where it was they."""

    stream: int
    sender: Endpoint
    fault: str
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class End:
    """The message (or the tunnel's half) that *sender* sent is whole."""

    stream: int
    sender: Endpoint


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event of a stream but Surplus and Oddity; messages without an End before it are not whole.

    ``reset_by`` and ``code`` (RFC 9113 section 7) are of a reset, ``fault`` is a sentence about a broken coding.
    """

    stream: int
    ending: Ending
    reset_by: Endpoint | None = None
    code: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class GoAway:
    """*sender* takes no new streams (RFC 9113 6.8): those above ``last`` were not processed and may be tried again."""

    sender: Endpoint
    last: int
    code: int
    detail: bytes


Event = RequestHead | Interim | ResponseHead | Body | Trailers | Tunnel | Surplus | Oddity | End | Closed | GoAway

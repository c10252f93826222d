"""What the decoder tells whoever started it: one line of JSON for each thing, read strictly.

Octets are Base64, times are microseconds since 1970 by our own clock (0: it did not happen). Bodies travel as files.
"""

from typing import Final

import msgspec

from muniment.errors import FormatError

__all__ = ["Done", "Ended", "Heard", "Peer", "Told", "decode", "encode"]


class Peer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="peer"):
    """A connection whose first exchange is about to be told, or whose server was refused, or that cannot be read.

    ``opened`` is the JSON of the spool's first frame. The names of version, cipher and ALPN are empty without TLS.
    ``evidence`` is that of the handshake (``tls.evidence.encode``), empty where there is none. ``refused`` says that
    the client broke off by an alert when it had seen the server's certificate.
    """

    connection: str
    opened: bytes
    tls: bool = False
    version: str = ""
    cipher: str = ""
    alpn: str = ""
    server_name: str = ""
    chain: tuple[bytes, ...] = ()
    evidence: bytes = b""
    refused: bool = False


class Heard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="heard"):
    """One request and what came back on one stream of a connection, when nothing more can come.

    ``body`` names the file with the octets of the final answer, head and body, empty where none came; ``size`` are
    those octets, ``dropped`` how many more came beyond the cap. ``request_dropped`` likewise. ``whole`` says that the
    answer came to its end, ``ended_by`` who broke it off otherwise (client, server, or ``cut: …`` in the words of the
    spool: the tunnel), and ``fault`` what was wrong with it. ``messages`` names a file of what passed after a switch of
    protocols. ``facts`` is the JSON of ``message.http2.transliteration.facts``, empty for HTTP/1.
    """

    connection: str
    stream: int
    protocol: str
    url: str
    method: str
    request: bytes
    asked: int
    request_dropped: int = 0
    interim: bytes = b""
    body: str = ""
    size: int = 0
    dropped: int = 0
    head_size: int = 0
    answered: int = 0
    last: int = 0
    whole: bool = False
    ended_by: str = ""
    fault: str = ""
    messages: str = ""
    messages_dropped: int = 0
    facts: bytes = b""


class Ended(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="ended"):
    """A connection of which nothing more comes.

    ``octets`` counts what crossed it, ``exchanges`` what was told of it. ``faults`` say what could not be read, and
    ``surplus`` are the first octets of the server that belong to no exchange.
    """

    connection: str
    octets: int
    exchanges: int
    faults: tuple[str, ...] = ()
    surplus: bytes = b""
    surplus_dropped: int = 0


class Done(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="done"):
    """Every connection was told to its end."""


Told = Peer | Heard | Ended | Done
_READER: Final[msgspec.json.Decoder[Told]] = msgspec.json.Decoder(Told)
_WRITER: Final = msgspec.json.Encoder()


def encode(told: Told) -> bytes:
    """Return the line of *told*, with its LF."""
    return _WRITER.encode(told) + b"\n"


def decode(line: bytes) -> Told:
    """Return what *line* tells; FormatError where it is none of ours."""
    try:
        return _READER.decode(line)
    except (msgspec.MsgspecError, UnicodeError) as refused:
        raise FormatError("the decoder", expected="a line of its own form", found=str(refused)[:200]) from None

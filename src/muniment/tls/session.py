"""What both directions of one connection know of each other while it is decoded, and the facts that remain."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Final

from muniment.errors import FormatError
from muniment.tls.certificate import Certificates
from muniment.tls.handshake import ClientHello, ServerHello
from muniment.tls.keylog import KeyLog, Label
from muniment.tls.protection import Opener
from muniment.tls.record import Messages, Records
from muniment.tls.suites import Suite

__all__ = ["TLS12", "TLS13", "EarlyData", "Ech", "Half", "Handshake", "Phase", "Session", "Side", "version_name"]

TLS12: Final = 0x0303
TLS13: Final = 0x0304
# Messages and protected records of one handshake, both sides'; a browser's with a long chain has 20 KiB.
_MAX_TRANSCRIPT: Final = 1 << 20


class Side(StrEnum):
    """Who sent something."""

    CLIENT = "client"
    SERVER = "server"


class Phase(Enum):
    """How far one direction has come."""

    HELLO = auto()
    EARLY = auto()
    HANDSHAKE = auto()
    APPLICATION = auto()


class EarlyData(StrEnum):
    """What became of data that the client sent before the server had answered (RFC 8446 4.2.10)."""

    NONE = "none"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Ech(StrEnum):
    """What can be told of Encrypted ClientHello (RFC 9849) from outside.

    An offer may be GREASE. Where the server's Finished covers the outer ClientHello, or in TLS 1.2, ECH was not
    accepted; where it was accepted, the key log holds no secret for the outer random, and nothing is decoded.
    """

    ABSENT = "absent"
    OFFERED = "offered"
    NOT_ACCEPTED = "not-accepted"


@dataclass(frozen=True, slots=True)
class Handshake:
    """The facts of a handshake as far as they are seen; "" or None: not seen, or not there.

    Nothing here was verified: the chain is what the server showed, and that its key took part is shown by
    :func:`muniment.tls.evidence.verified` alone. ``scts`` are those of the handshake; a certificate may hold others.
    """

    version: str = ""
    cipher: str = ""
    client_random: bytes = b""
    server_random: bytes = b""
    server_name: str = ""
    alpn_offered: tuple[str, ...] = ()
    alpn: str = ""
    chain: tuple[bytes, ...] = ()
    staple: bytes = b""
    scts: tuple[bytes, ...] = ()
    resumed: bool | None = None
    retried: bool = False
    early_data: EarlyData = EarlyData.NONE
    ech: Ech = Ech.ABSENT
    ech_retry: bytes = b""


@dataclass(slots=True)
class Half:
    """One direction in the reading. ``next`` is the secret that opens the records from here on."""

    side: Side
    records: Records
    messages: Messages
    phase: Phase = Phase.HELLO
    next: Label | None = None
    opener: Opener | None = None

    @classmethod
    def of(cls, side: Side) -> "Half":
        """Return *side* at its beginning."""
        return cls(side, Records(f"the {side}'s stream"), Messages(f"the {side}'s handshake"))

    @property
    def is_plain(self) -> bool:
        """Whether the next record is not protected, as far as its own direction tells."""
        return self.opener is None and self.next is None

    def switch(self, phase: Phase, following: Label | None) -> None:
        """Enter *phase*, whose records are opened by the secret *following*; no message may span that."""
        self.messages.finish()
        self.phase = phase
        self.next = following


@dataclass(slots=True)
class Session:
    """One connection in the reading: the two directions, and what was agreed between them.

    ``transcript`` holds the handshake's messages in their one order (RFC 8446 4.4.1, RFC 5246 7.4.9), whichever
    direction was fed first: in TLS 1.3 up to the server's Finished, in TLS 1.2 all. ``protected`` are the server's
    records of TLS 1.3 that hold the rest of its handshake.
    """

    keys: KeyLog
    client: Half = field(default_factory=lambda: Half.of(Side.CLIENT))
    server: Half = field(default_factory=lambda: Half.of(Side.SERVER))
    hello: ClientHello | None = None
    answer: ServerHello | None = None
    suite: Suite | None = None
    transcript: list[bytes] = field(default_factory=list)
    protected: list[bytes] = field(default_factory=list)
    noted: int = 0
    certificates: Certificates = field(default_factory=lambda: Certificates(()))
    staple: bytes = b""
    alpn: str = ""
    resumed: bool | None = None
    retried: bool = False
    hello_repeated: bool = False
    early_data: EarlyData = EarlyData.NONE
    ech: Ech = Ech.ABSENT
    ech_retry: bytes = b""

    def note(self, message: bytes, into: list[bytes] | None = None) -> None:
        """Append *message* to the transcript, or to *into*. Raises FormatError beyond 1 MiB altogether."""
        self.noted += len(message)
        if self.noted > _MAX_TRANSCRIPT:
            raise FormatError("the handshake", expected=f"at most {_MAX_TRANSCRIPT} octets", found="more")
        (self.transcript if into is None else into).append(message)

    def secret(self, label: Label) -> bytes | None:
        """Return the secret *label* of this connection, None while the key log lacks it."""
        return self.keys.secret(self.hello.random, label) if self.hello else None

    def facts(self) -> Handshake:
        """Return what is known so far."""
        hello, answer = self.hello, self.answer
        return Handshake(
            version=version_name(answer.version) if answer else "",
            cipher=self.suite.name if self.suite else "",
            client_random=hello.random if hello else b"",
            server_random=answer.random if answer else b"",
            server_name=hello.server_name if hello else "",
            alpn_offered=hello.alpn if hello else (),
            alpn=self.alpn,
            chain=self.certificates.chain,
            staple=self.staple,
            scts=self.certificates.scts or (answer.scts if answer else ()),
            resumed=self.resumed,
            retried=self.retried,
            early_data=self.early_data,
            ech=self.ech,
            ech_retry=self.ech_retry,
        )


def version_name(number: int) -> str:
    """Return the protocol's name as WARC-Protocol writes it, such as ``tls/1.3``; 0x… for one that has none."""
    names = {0x0300: "ssl/3", 0x0301: "tls/1.0", 0x0302: "tls/1.1", TLS12: "tls/1.2", TLS13: "tls/1.3"}
    return names.get(number, f"0x{number:04x}")

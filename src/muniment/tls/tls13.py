"""TLS 1.3 after its ServerHello (RFC 8446): which secret opens which record, and what the messages under it say."""

import hmac
from typing import Final

from muniment.errors import FormatError, IntegrityError
from muniment.tls import schedule
from muniment.tls.certificate import Certificates
from muniment.tls.handshake import EncryptedExtensions, Message, name_of
from muniment.tls.keylog import Label
from muniment.tls.protection import Aead13
from muniment.tls.record import ContentType, Record
from muniment.tls.session import EarlyData, Ech, Half, Phase, Session, Side
from muniment.tls.suites import Suite

__all__ = ["Tls13"]

# Early data that a server refused is no application data; servers allow 16 KiB of it, or a few times as much.
_MAX_REFUSED: Final = 1 << 20
_FROM_SERVER: Final = frozenset(
    {
        Message.ENCRYPTED_EXTENSIONS,
        Message.CERTIFICATE_REQUEST,
        Message.CERTIFICATE,
        Message.COMPRESSED_CERTIFICATE,
        Message.CERTIFICATE_VERIFY,
        Message.FINISHED,
    }
)
_FROM_CLIENT: Final = frozenset(
    {Message.CERTIFICATE, Message.COMPRESSED_CERTIFICATE, Message.CERTIFICATE_VERIFY, Message.FINISHED}
)


class Tls13:
    """The rules of a connection that speaks TLS 1.3."""

    __slots__ = ("_answers", "_extensions", "_hello_size", "_refused", "_session", "_suite")

    def __init__(self, session: Session, suite: Suite) -> None:
        self._session = session
        self._suite = suite
        self._hello_size = len(session.transcript)
        self._extensions: EncryptedExtensions | None = None
        self._answers: list[bytes] = []
        self._refused = 0
        session.resumed = session.answer is not None and session.answer.takes_psk
        session.server.switch(Phase.HANDSHAKE, Label.SERVER_HANDSHAKE_TRAFFIC_SECRET)
        session.client.messages.finish()
        if session.early_data is not EarlyData.OFFERED:
            session.client.next = Label.CLIENT_HANDSHAKE_TRAFFIC_SECRET

    @property
    def greeting(self) -> list[bytes]:
        """The messages in the clear, ClientHello to ServerHello."""
        return self._session.transcript[: self._hello_size]

    @property
    def server_finished(self) -> bool:
        """Whether the server's Finished was read and is right."""
        return self._session.server.phase is Phase.APPLICATION

    def wanted(self, half: Half, record: Record) -> Label | Message | None:
        """Return what must be known before *record* can be read."""
        if record.type is not ContentType.APPLICATION_DATA:
            return None
        session = self._session
        if half is session.client:
            if half.phase is Phase.HELLO and half.next is None and self._extensions is None:
                return Message.ENCRYPTED_EXTENSIONS
            if half.next is Label.CLIENT_TRAFFIC_SECRET_0 and not self.server_finished:
                return Message.FINISHED
        return half.next if half.next and session.secret(half.next) is None else None

    def opened(self, half: Half, record: Record) -> tuple[ContentType, bytes] | None:
        """Return what *record* carries; None where it is passed over."""
        if record.type is not ContentType.APPLICATION_DATA:
            return self._in_the_clear(half, record)
        if half.next is not None and (secret := self._session.secret(half.next)) is not None:
            self._install(half, secret)
        if half.opener is None:
            raise FormatError(half.records.where, expected="a handshake", found="a protected record before it")
        try:
            kind, content = half.opener.open(record)
        except IntegrityError:
            if not self._is_refused(half, record):
                raise
            return None
        if half is self._session.server and half.phase is Phase.HANDSHAKE:
            self._session.note(record.octets, self._session.protected)
        return kind, content

    def message(self, half: Half, message: bytes) -> None:
        """Take one handshake message in."""
        if half.phase is Phase.APPLICATION:
            self._after_handshake(half, message)
        elif half is self._session.server:
            self._from_server(half, message)
        elif message[0] == Message.END_OF_EARLY_DATA and half.phase is Phase.EARLY:
            self._session.note(message, self._answers)
            half.switch(Phase.HELLO, Label.CLIENT_HANDSHAKE_TRAFFIC_SECRET)
        elif message[0] in _FROM_CLIENT and half.phase is Phase.HANDSHAKE:
            self._session.note(message, self._answers)
            if message[0] == Message.FINISHED:
                half.switch(Phase.APPLICATION, Label.CLIENT_TRAFFIC_SECRET_0)
        else:
            raise FormatError(half.records.where, expected="a client's handshake", found=name_of(message))

    def _in_the_clear(self, half: Half, record: Record) -> tuple[ContentType, bytes] | None:
        if record.type is ContentType.ALERT and half.opener is None:
            return record.type, record.fragment
        # RFC 8446 5: a ChangeCipherSpec of one octet, 1, may come during the handshake and means nothing.
        is_change = record.type is ContentType.CHANGE_CIPHER_SPEC and record.fragment == b"\x01"
        if is_change and half.phase is not Phase.APPLICATION:
            return None
        found = f"{record.type.name.lower()} in the clear"
        raise FormatError(half.records.where, expected="a protected record", found=found)

    def _install(self, half: Half, secret: bytes) -> None:
        if len(secret) != schedule.hash_size(self._suite.hash):
            half.opener = None
            found = f"one of {len(secret)} octets"
            raise IntegrityError(f"the secret {half.next}", expected=f"one for {self._suite.name}", found=found)
        if half.next is Label.CLIENT_TRAFFIC_SECRET_0:
            self._check_client()
        half.opener = Aead13(secret, self._suite)
        if half.next is Label.CLIENT_EARLY_TRAFFIC_SECRET:
            half.phase = Phase.EARLY
        elif half.phase is Phase.HELLO:
            half.phase = Phase.HANDSHAKE
        half.next = None

    def _is_refused(self, half: Half, record: Record) -> bool:
        """Say whether *record* may be early data that the server refused: it too opens none of it (RFC 8446 4.2.10)."""
        if self._session.early_data is not EarlyData.REFUSED or half is self._session.server:
            return False
        if half.phase is not Phase.HANDSHAKE or half.opener is None or half.opener.opened:
            return False
        self._refused += len(record.fragment)
        return self._refused <= _MAX_REFUSED

    def _from_server(self, half: Half, message: bytes) -> None:
        session = self._session
        kind = message[0]
        if kind not in _FROM_SERVER or (self._extensions is None) != (kind == Message.ENCRYPTED_EXTENSIONS):
            raise FormatError(half.records.where, expected="the server's handshake in order", found=name_of(message))
        if kind == Message.FINISHED:
            secret = session.secret(Label.SERVER_HANDSHAKE_TRAFFIC_SECRET) or b""
            _check(half.side, message, schedule.finished13(secret, session.transcript, self._suite.hash))
            session.ech = Ech.ABSENT if session.ech is Ech.ABSENT else Ech.NOT_ACCEPTED
            half.switch(Phase.APPLICATION, Label.SERVER_TRAFFIC_SECRET_0)
        elif kind in {Message.CERTIFICATE, Message.COMPRESSED_CERTIFICATE}:
            session.certificates = Certificates.parse13(message)
            session.staple = session.certificates.staple
        elif kind == Message.ENCRYPTED_EXTENSIONS:
            self._take_extensions(EncryptedExtensions.parse(message))
        session.note(message)

    def _take_extensions(self, found: EncryptedExtensions) -> None:
        session = self._session
        self._extensions = found
        session.alpn = found.alpn
        session.ech_retry = found.ech_retry
        if session.early_data is EarlyData.OFFERED:
            session.early_data = EarlyData.ACCEPTED if found.accepts_early_data else EarlyData.REFUSED
            session.client.next = (
                Label.CLIENT_EARLY_TRAFFIC_SECRET if found.accepts_early_data else Label.CLIENT_HANDSHAKE_TRAFFIC_SECRET
            )

    def _check_client(self) -> None:
        """Check the client's Finished (RFC 8446 4.4.4).

        That is done at the client's first record after it, which waits until the server's Finished was read: so it
        does not matter which direction is fed first, and an alert before the Finished waits for nothing.
        """
        session = self._session
        secret = session.secret(Label.CLIENT_HANDSHAKE_TRAFFIC_SECRET) or b""
        messages = session.transcript + self._answers[:-1]
        _check(Side.CLIENT, self._answers[-1], schedule.finished13(secret, messages, self._suite.hash))

    def _after_handshake(self, half: Half, message: bytes) -> None:
        """Follow a KeyUpdate; tickets and authentication after the handshake are passed over (RFC 8446 4.6)."""
        if message[0] == Message.KEY_UPDATE and isinstance(half.opener, Aead13):
            half.messages.finish()
            half.opener = half.opener.updated()


def _check(side: Side, message: bytes, expected: bytes) -> None:
    if not hmac.compare_digest(message[4:], expected):
        raise IntegrityError(
            f"the {side}'s Finished", expected="the MAC over the handshake as it was seen", found="another one"
        )

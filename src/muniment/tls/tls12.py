"""TLS 1.2 after its ServerHello (RFC 5246): one master secret opens both directions after their ChangeCipherSpec."""

import hmac
from typing import Final

from muniment.errors import FormatError, IntegrityError
from muniment.tls import schedule
from muniment.tls.certificate import Certificates, stapled
from muniment.tls.handshake import Message, ServerHello, name_of
from muniment.tls.keylog import Label
from muniment.tls.protection import openers12
from muniment.tls.record import ContentType, Record
from muniment.tls.session import EarlyData, Ech, Half, Phase, Session
from muniment.tls.suites import Suite

__all__ = ["Tls12"]

_MASTER: Final = 48  # RFC 5246 8.1


class Tls12:
    """The rules of a connection that speaks TLS 1.2.

    Each flight waits for the one before it (RFC 5246 7.3), so that the transcript has one order however the directions
    are fed. Renegotiation is not followed.
    """

    __slots__ = (
        "_answer",
        "_client_finished",
        "_greeting_size",
        "_repeats_id",
        "_server_finished",
        "_session",
        "_suite",
    )

    def __init__(self, session: Session, answer: ServerHello, suite: Suite) -> None:
        self._session = session
        self._answer = answer
        self._suite = suite
        self._greeting_size = 0
        self._client_finished = self._server_finished = False
        session.alpn = answer.alpn
        # RFC 5246 7.4.1.3, RFC 5077 3.4: a server repeats the client's session id when it resumes; where a client with
        # a ticket sent none, only a ChangeCipherSpec in the place of the certificate tells.
        sent = session.hello.session_id if session.hello else b""
        self._repeats_id = bool(sent) and answer.session_id == sent
        session.resumed = True if self._repeats_id else None
        if session.early_data is EarlyData.OFFERED:
            session.early_data = EarlyData.REFUSED
        if session.ech is Ech.OFFERED:
            session.ech = Ech.NOT_ACCEPTED  # RFC 9849 7: whoever accepts it speaks TLS 1.3

    @property
    def greeting(self) -> list[bytes]:
        """The messages in the clear, ClientHello to ServerHelloDone; the hellos where they show that it resumes."""
        return self._session.transcript[: self._greeting_size or (2 if self._repeats_id else 0)]

    def wanted(self, half: Half, record: Record) -> Label | Message | None:
        """Return what must be known before *record* can be read."""
        session = self._session
        if half.next is not None:
            return half.next if session.secret(half.next) is None else None
        if half.opener is not None or record.type is ContentType.ALERT:
            return None
        if half is session.client:
            if self._greeting_size or self._server_finished:
                return None
            return Message.FINISHED if session.resumed else Message.SERVER_HELLO_DONE
        return Message.FINISHED if self._greeting_size and not self._client_finished else None

    def opened(self, half: Half, record: Record) -> tuple[ContentType, bytes] | None:
        """Return what *record* carries; None where it is passed over."""
        if record.type is ContentType.CHANGE_CIPHER_SPEC and half.is_plain:
            if record.fragment != b"\x01":
                found = repr(record.fragment[:8])
                raise FormatError(half.records.where, expected="a ChangeCipherSpec of one octet", found=found)
            if half is self._session.server:
                self._session.resumed = not self._greeting_size
            half.switch(Phase.HANDSHAKE, Label.CLIENT_RANDOM)
            return None
        if half.next is not None and (secret := self._session.secret(half.next)) is not None:
            self._install(half, secret)
        return half.opener.open(record) if half.opener else (record.type, record.fragment)

    def message(self, half: Half, message: bytes) -> None:
        """Take one handshake message in."""
        session = self._session
        kind = message[0]
        if kind == Message.HELLO_REQUEST and half is session.server:
            return  # RFC 5246 7.4.1.1: not part of any transcript, and the client may ignore it
        if half.phase is Phase.APPLICATION:
            # RFC 5746; browsers refuse it, and HTTP/2 forbids it (RFC 9113 9.2.1).
            raise FormatError(half.records.where, expected="no renegotiation", found=name_of(message))
        if kind == Message.FINISHED:
            self._finish(half, message)
        elif half is session.server:
            self._from_server(message)
        session.note(message)
        if kind == Message.SERVER_HELLO_DONE and half is session.server:
            self._greeting_size = len(session.transcript)
            session.resumed = False

    def _from_server(self, message: bytes) -> None:
        session = self._session
        if message[0] == Message.CERTIFICATE:
            session.certificates = Certificates.parse12(message)
        elif message[0] == Message.CERTIFICATE_STATUS:
            session.staple = stapled(message)

    def _finish(self, half: Half, message: bytes) -> None:
        """Check a Finished (RFC 5246 7.4.9) and enter what it begins."""
        session = self._session
        secret = session.secret(Label.CLIENT_RANDOM)
        if half.opener is None or secret is None:
            raise FormatError(half.records.where, expected="a ChangeCipherSpec before it", found=name_of(message))
        label = f"{half.side} finished".encode()
        expected = schedule.finished12(secret, label, session.transcript, self._suite.hash)
        if not hmac.compare_digest(message[4:], expected):
            raise IntegrityError(
                f"the {half.side}'s Finished", expected="the PRF over the handshake as it was seen", found="another one"
            )
        half.switch(Phase.APPLICATION, None)
        if half is session.client:
            self._client_finished = True
        else:
            self._server_finished = True

    def _install(self, half: Half, secret: bytes) -> None:
        session = self._session
        if len(secret) != _MASTER or session.hello is None:
            found = f"one of {len(secret)} octets"
            raise IntegrityError("the secret CLIENT_RANDOM", expected="a master secret of 48 octets", found=found)
        randoms = self._answer.random + session.hello.random
        openers = openers12(self._suite, secret, randoms, encrypt_then_mac=self._answer.encrypt_then_mac)
        half.opener = openers[0 if half is session.client else 1]
        half.next = None

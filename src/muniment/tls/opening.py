"""The beginning of a connection, until a ServerHello chooses its version (RFC 8446 4.1)."""

from muniment.errors import FormatError
from muniment.tls.handshake import ClientHello, Message, ServerHello, is_retry, name_of
from muniment.tls.keylog import Label
from muniment.tls.record import ContentType, Record
from muniment.tls.session import EarlyData, Ech, Half, Session, Side
from muniment.tls.suites import suite

__all__ = ["Opening"]


class Opening:
    """The rules until a ServerHello has chosen: one direction waits for the other wherever their order matters."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def wanted(self, half: Half, record: Record) -> Label | Message | None:
        """Return what must be known before *record* can be read."""
        session = self._session
        if record.type is ContentType.ALERT:
            return None  # whatever comes later, before keys it is what it seems
        if half.side is Side.CLIENT:
            may_speak = session.hello is None or (session.retried and not session.hello_repeated)
            return None if may_speak else Message.SERVER_HELLO
        may_speak = session.hello is not None and (session.hello_repeated or not session.retried)
        return None if may_speak else Message.CLIENT_HELLO

    def opened(self, half: Half, record: Record) -> tuple[ContentType, bytes] | None:
        """Return what *record* carries; None where it is passed over."""
        session = self._session
        if record.type in {ContentType.ALERT, ContentType.HANDSHAKE}:
            return record.type, record.fragment
        # RFC 8446 D.4: a ChangeCipherSpec without meaning; 4.2.10: early data that a HelloRetryRequest refused.
        is_early = half.side is Side.CLIENT and session.early_data is EarlyData.REFUSED
        if session.retried and (record.type is ContentType.CHANGE_CIPHER_SPEC or is_early):
            return None
        raise FormatError(half.records.where, expected="a hello", found=record.type.name.lower())

    def message(self, half: Half, message: bytes) -> None:
        """Take one handshake message in."""
        if half.side is Side.CLIENT and message[0] == Message.CLIENT_HELLO:
            self._client_hello(half, message)
        elif half.side is Side.SERVER and message[0] == Message.SERVER_HELLO:
            self._server_hello(half, message)
        elif half.side is Side.CLIENT or message[0] != Message.HELLO_REQUEST:  # RFC 5246 7.4.1.1: at any time
            raise FormatError(half.records.where, expected="a hello", found=name_of(message))

    def _client_hello(self, half: Half, message: bytes) -> None:
        session = self._session
        hello = ClientHello.parse(message)
        if session.hello is None:
            session.hello = hello
            session.early_data = EarlyData.OFFERED if hello.offers_early_data else EarlyData.NONE
            session.ech = Ech.OFFERED if hello.offers_ech else Ech.ABSENT
        elif session.retried and not session.hello_repeated and hello.random == session.hello.random:
            session.hello_repeated = True
        else:
            # RFC 8446 4.1.2: the second one, after a HelloRetryRequest, repeats the random of the first.
            raise FormatError(half.records.where, expected="one ClientHello", found="another one")
        session.note(message)

    def _server_hello(self, half: Half, message: bytes) -> None:
        session = self._session
        if session.answer is not None or (session.retried and is_retry(message)):
            raise FormatError(half.records.where, expected="one ServerHello", found="another one")
        answer = ServerHello.parse(message)
        session.note(message)
        if is_retry(message):
            session.retried = True
            if session.early_data is EarlyData.OFFERED:
                session.early_data = EarlyData.REFUSED
            return
        session.answer = answer
        session.suite = suite(answer.suite)
        if answer.compression:
            raise FormatError(half.records.where, expected="no compression", found=f"method {answer.compression}")

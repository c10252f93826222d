"""What the browser's own errors mean in the words of a manifest; the certificates that it refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from muniment.errors import FormatError
from muniment.fetch.browser.ledger import Asked
from muniment.message.url import Url
from muniment.model import Reason

__all__ = ["CertificateRefusal", "reason", "refusals"]


@dataclass(frozen=True, slots=True)
class CertificateRefusal:
    """A peer whose certificate the browser did not take, by the browser's own name of the error.

    Nothing was sent to it. The chain and its key are what the decoder reads from the handshake.
    """

    host: str
    port: int
    error: str


_MEANING: Final = (
    ("net::ERR_CERT_", Reason.TLS_HANDSHAKE),
    ("net::ERR_SSL_", Reason.TLS_HANDSHAKE),
    ("net::ERR_BAD_SSL_", Reason.TLS_HANDSHAKE),
    ("net::ERR_ECH_", Reason.TLS_HANDSHAKE),
    ("net::ERR_NAME_", Reason.DNS),
    ("net::ERR_CONNECTION_REFUSED", Reason.REFUSED),
    ("net::ERR_CONNECTION_RESET", Reason.TRUNCATED_DISCONNECT),
    ("net::ERR_CONNECTION_CLOSED", Reason.TRUNCATED_DISCONNECT),
    ("net::ERR_CONTENT_LENGTH_MISMATCH", Reason.TRUNCATED_DISCONNECT),
    ("net::ERR_INCOMPLETE_", Reason.TRUNCATED_DISCONNECT),
    ("net::ERR_EMPTY_RESPONSE", Reason.TRUNCATED_DISCONNECT),
    ("net::ERR_CONNECTION_TIMED_OUT", Reason.TIMEOUT),
    ("net::ERR_TIMED_OUT", Reason.TIMEOUT),
    ("net::ERR_TOO_MANY_REDIRECTS", Reason.LIMIT_RESOURCES),
    ("net::ERR_INVALID_HTTP_RESPONSE", Reason.NOT_HTTP),
    ("net::ERR_RESPONSE_HEADERS_", Reason.NOT_HTTP),
    ("net::ERR_INVALID_REDIRECT", Reason.MALFORMED_URL),
    ("net::ERR_INVALID_URL", Reason.MALFORMED_URL),
    ("net::ERR_UNSAFE_REDIRECT", Reason.BLOCKED_SCHEME),
    ("net::ERR_UNKNOWN_URL_SCHEME", Reason.BLOCKED_SCHEME),
    ("net::ERR_UNSAFE_PORT", Reason.BLOCKED_ADDRESS),
    ("net::ERR_INVALID_AUTH_CREDENTIALS", Reason.LOGIN),
    ("net::ERR_HTTP_RESPONSE_CODE_FAILURE", Reason.EMPTY),
    ("net::ERR_ABORTED", Reason.INTERRUPTED),
    ("net::ERR_BLOCKED_", Reason.OUT_OF_SCOPE),
)


def reason(error: str) -> Reason:
    """Return what the browser's *error* means; UNREACHABLE where nothing more is known, as behind a proxy."""
    return next((meaning for start, meaning in _MEANING if error.startswith(start)), Reason.UNREACHABLE)


def refusals(asked: Iterable[Asked]) -> tuple[CertificateRefusal, ...]:
    """Return each peer among *asked* whose certificate was refused, once."""
    found: dict[CertificateRefusal, None] = {}
    for each in asked:
        if each.failure.startswith("net::ERR_CERT_"):
            try:
                url = Url.parse(each.url)
            except FormatError:
                continue  # nobody could connect there again
            found[CertificateRefusal(url.host, url.port, each.failure)] = None
    return tuple(found)

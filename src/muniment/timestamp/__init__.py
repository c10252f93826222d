"""Trusted time by RFC 3161: what an authority is asked, what it answers, and what that proves. Does no I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509

from muniment.timestamp.proof import Proved, common_name, over, pem, verified
from muniment.timestamp.token import LONGEST, Request, Token, certificates, read, read_request, request

__all__ = [
    "LONGEST",
    "Answered",
    "Post",
    "Proved",
    "Request",
    "Token",
    "ask",
    "certificates",
    "common_name",
    "over",
    "pem",
    "read",
    "read_request",
    "request",
    "verified",
]

Post = Callable[[str, bytes], bytes]
"""From a URL and the octets of a request to the octets of the answer; raises FetchError."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and the good token that answered it."""

    request: Request
    proved: Proved


def ask(message: bytes, url: str, roots: Sequence[x509.Certificate], post: Post) -> Answered:
    """Ask the authority at *url* for a token over *message*, and return it once it is verified.

    Raises what ``post``, :func:`read` and :func:`verified` raise: nothing that is not a good token is returned.
    """
    asked = request(message)
    token = read(post(url, asked.octets), url)
    return Answered(asked, verified(token, message, roots, nonce=asked.nonce))

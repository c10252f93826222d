"""What is recorded of a connection: whom it reached, what its peer showed, whether the peer signed the handshake."""

from dataclasses import replace
from typing import Any, Final

from muniment import canonical, manifest
from muniment.errors import FormatError, IntegrityError
from muniment.model import Connection
from muniment.tls import evidence
from muniment.tls.attribution import Claim, attributed, host_of, may_ask
from muniment.tls.evidence import Signed

__all__ = ["documents", "shared"]

_SIGNED: Final = "signed"


def documents(made: Connection) -> tuple[bytes, bytes]:
    """Return the canonical JSON of the metadata about *made*: of the connection, and of its handshake or nothing.

    Evidence is kept where the signature in it is right and it is that of this connection: then nothing that was
    recorded honestly fails verification later. Where it is not, the document of the connection says why.
    """
    content: dict[str, Any] = {
        "v": 1,
        "type": "connection",
        "id": made.id,
        "host": made.host,
        "address": made.address,
        "port": made.port,
        "opened": manifest.timestamp(made.opened),
        "tls": made.tls,
        "tls_detail": made.tls_detail,
        "tls_version": made.tls_version,
        "cipher": made.cipher,
        "alpn": made.alpn,
        "chain": [canonical.encode_base64(each) for each in made.chain],
        "refused": [canonical.encode_base64(each) for each in made.refused],
    }
    if made.look is not None:
        look = made.look
        content["look"] = {
            "name": look.name,
            "means": look.means,
            "answers": list(look.answers),
            "microseconds": look.microseconds,
        }
    if not made.evidence:
        return canonical.encode(content), b""
    try:
        content["handshake"] = _word(made)
    except (FormatError, IntegrityError) as refused:
        content["handshake_fault"] = str(refused)
        return canonical.encode(content), b""
    return canonical.encode(content), canonical.encode(
        {
            "v": 1,
            "type": "handshake",
            "connection": made.id,
            "evidence": canonical.decode(made.evidence, "the handshake evidence"),
        }
    )


def shared(made: Connection, url: str) -> Connection:
    """Return *made* as what is said over it for *url* names it.

    Where that is a host for which the server did not sign (a client may send any Host), it is another name and no
    evidence: nobody who reads the records shall take the one host's signature for the other's.
    """
    if not made.evidence or not made.chain or may_ask(url, made.host, made.chain[0]):
        return made
    return replace(made, id=f"{made.id}/{host_of(url)}", evidence=b"")


def _word(made: Connection) -> str:
    """Return whether the handshake is signed, or why it is not, once its evidence was checked."""
    verified = made.tls == "ok"
    claim = Claim(made.host, verified, made.tls_version, made.cipher, made.alpn, made.chain)
    found = attributed(evidence.decode(made.evidence), claim)
    return _SIGNED if isinstance(found, Signed) else found.why.value

"""Whether evidence of a handshake is that of one connection, as it is described elsewhere, and of no other.

The same rules decide what a capture keeps and what verification takes, so that what was kept honestly never fails.
"""

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from muniment.errors import IntegrityError, Unsupported
from muniment.tls import evidence
from muniment.tls.certificate import parsed
from muniment.tls.evidence import Evidence, Signed, Unsigned
from muniment.tls.session import Handshake

__all__ = ["Claim", "attributed", "host_of", "may_ask", "names"]

_WHERE: Final = "the handshake"
_TLS13: Final = "tls/1.3"
_LONGEST: Final = 255
# What the library raises, now from one place and now from another, for names and extensions that it does not take.
_UNREADABLE: Final = (ValueError, TypeError, Unsupported, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of a connection: whom it was to reach, what was agreed on, the chain (DER, leaf first) it showed.

    ``version`` is empty where the handshake did not come to its end; then suite and protocol are not known either.
    ``verified`` says that the chain was found to be one for ``host``.
    """

    host: str
    verified: bool
    version: str
    cipher: str
    alpn: str
    chain: tuple[bytes, ...]


def attributed(kept: Evidence, claim: Claim) -> Signed | Unsigned:
    """Check the server's signature in *kept*, and that it belongs to the connection of *claim*.

    Chain, version, suite, ALPN and the name in the ClientHello are held against it, and where it is called verified its
    leaf must name the host. All of them are signed in TLS 1.3. In TLS 1.2 the leaf's key alone is: there the others
    tell what was mixed up, not what was made up.

    Not checked: who issued the chain, whether it was valid, the address. Raises as
    :func:`muniment.tls.evidence.verified`, and IntegrityError for evidence of another connection.
    """
    try:
        found = evidence.verified(kept)
    except Unsupported:
        _agree(evidence.shown(kept), claim)  # that it is another's says more than that it cannot be checked
        raise
    _agree(found.handshake, claim)
    return found


def names(leaf: bytes, host: str) -> bool | None:
    """Say whether the certificate *leaf* (DER) is for *host*, a name or an address; None where it cannot be read.

    By RFC 9525, but for the common name that clients once took where there is no other: what any of them accepted is
    accepted here.
    """
    try:
        certificate = parsed(leaf)
        with suppress(x509.ExtensionNotFound):
            found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
            return _is_one_of(host, [*found.get_values_for_type(x509.DNSName), *addresses])
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except _UNREADABLE:
        return None
    return _is_one_of(host, [str(each.value) for each in common])


def may_ask(url: str, host: str, leaf: bytes) -> bool:
    """Say whether *url* may be asked for over a connection to *host* whose server showed the certificate *leaf*.

    A browser asks for several hosts over one connection where the certificate names them all (RFC 9113 9.1.1).
    """
    asked = host_of(url)
    return asked == _plain(host) or names(leaf, asked) is True


def host_of(url: str) -> str:
    """Return the host of *url* in small letters, an address without brackets; "" where it has none.

    Not by urllib.parse, which raises for some texts: what stands in a manifest need not be a URL.
    """
    authority = url.partition("//")[2].partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    host = authority.partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
    return _plain(host[:_LONGEST])


def _is_one_of(host: str, shown: list[str]) -> bool:
    wanted = _plain(host)
    patterns = {_plain(each) for each in shown}
    # RFC 9525 6.3: a wildcard is the whole first label, and stands for exactly one; never in an address.
    label, _, rest = wanted.partition(".")
    return wanted in patterns or (bool(label and rest) and not _is_address(wanted) and f"*.{rest}" in patterns)


def _plain(host: str) -> str:
    return host.lower().removesuffix(".").strip("[]")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _agree(found: Handshake, claim: Claim) -> None:
    """Refuse the handshake *found* where it is not that of *claim*."""
    for what, expected, shown in _pairs(found, claim):
        if expected != shown:
            raise IntegrityError(f"{_WHERE}, {what}", expected=expected or "none", found=shown or "none")
    if claim.verified and claim.chain and names(claim.chain[0], claim.host) is False:
        raise IntegrityError(f"{_WHERE}, certificate", expected=f"one for {claim.host}", found="one for another name")


def _pairs(found: Handshake, claim: Claim) -> Iterator[tuple[str, str, str]]:
    if found.chain != claim.chain and (found.chain or not found.resumed):
        yield "chain", "the certificates that this connection showed", "others"
    # RFC 6066 3: no address is sent as a name.
    host = _plain(claim.host)
    yield "name that the client asked for", "" if _is_address(host) else host, found.server_name.lower()
    if claim.version or claim.verified:
        yield "version", claim.version, found.version
        yield "application protocol", claim.alpn, found.alpn
        if found.version == _TLS13:  # the names of older suites are not IANA's everywhere
            yield "cipher suite", claim.cipher, found.cipher

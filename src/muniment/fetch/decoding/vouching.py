"""Who vouches for a certificate that a browser did not take: asked of the chain alone, offline."""

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from muniment.canonical import encode_base64
from muniment.digest import Digest
from muniment.errors import FormatError, JobError
from muniment.tls.certificate import parsed

__all__ = ["Roots", "key_digest"]

# What a chain must have to be one at all; the finer points of the web's profile are no reason to flag a peer.
_LEAF: Final = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
_AUTHORITY: Final = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)


def key_digest(leaf: bytes) -> str:
    """Return the SHA-256 of the subject public key of the DER certificate *leaf* in Base64.

    Raises FormatError where it cannot be read, or its key cannot be written.
    """
    try:
        key = parsed(leaf).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm) as broken:
        raise FormatError("the certificate", expected="a public key", found=str(broken)[:120]) from None
    return encode_base64(Digest.of_bytes(key).value)


class Roots:
    """The authorities in some files of PEM certificates; JobError where one cannot be read."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths

    def judge(self, chain: Sequence[bytes], host: str, at: datetime) -> tuple[str, str]:
        """Return the word of ``Connection.tls`` for *chain* (DER, leaf first) shown as *host* at *at*, and a sentence.

        The words are those by which the static engine names what OpenSSL refuses. Revocation is not asked for.
        """
        try:
            certificates = [parsed(each) for each in chain]
            leaf = certificates[0]
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (FormatError, ValueError, IndexError, x509.ExtensionNotFound) as broken:
            return "other", f"the certificate cannot be read: {broken or 'it names no host'}"
        begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
        inside = min(max(at, begins), ends)
        own = next(iter([*names.get_values_for_type(x509.DNSName), *names.get_values_for_type(x509.IPAddress)]), None)
        if own is None or (failure := self._refused(certificates, str(own).replace("*", "any", 1), inside)):
            why = failure if own is not None else "it names no host"
            alone = leaf.issuer == leaf.subject
            return ("self-signed" if alone else "unknown-authority"), f"nobody who is trusted vouches for it: {why}"
        if inside != at:
            word = "expired" if at > ends else "not-yet-valid"
            return word, f"the certificate is valid from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}"
        if self._refused(certificates, host, at):
            return "wrong-host", f"the certificate is not for {host}"
        return "ok", ""

    def _refused(self, chain: Sequence[x509.Certificate], host: str, at: datetime) -> str:
        """Return why *chain* is not good for *host* at *at*, or an empty text."""
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            subject = x509.DNSName(host)
        builder = PolicyBuilder().store(self._store).time(at.replace(tzinfo=None))
        builder = builder.extension_policies(ca_policy=_AUTHORITY, ee_policy=_LEAF)
        try:
            builder.build_server_verifier(subject).verify(chain[0], list(chain[1:]))  # type: ignore[arg-type]
        except (VerificationError, ValueError) as refused:
            return str(refused).partition(" (encountered")[0]
        return ""

    @cached_property
    def _store(self) -> Store:
        found: list[x509.Certificate] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            for path in self._paths:
                try:
                    found += x509.load_pem_x509_certificates(Path(path).read_bytes())
                except (OSError, ValueError) as failure:
                    why = getattr(failure, "strerror", None) or "it holds no certificates in PEM"
                    raise JobError(f"the file of authorities {path} (--ca-file) cannot be used: {why}") from None
        return Store(found)

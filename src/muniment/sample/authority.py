"""The sample's own certificate authority: made anew at every start, trusted by nobody who does not ask for it."""

import base64
import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment import durable

__all__ = ["Authority", "Validity"]

_YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Validity:
    """The time between which a certificate holds; both ends are aware."""

    begin: datetime
    end: datetime

    @staticmethod
    def present(now: datetime) -> "Validity":
        """From an hour ago until a week from *now*."""
        return Validity(now - timedelta(hours=1), now + timedelta(days=7))

    @staticmethod
    def past(now: datetime) -> "Validity":
        """Ninety days that ended a year before *now*."""
        return Validity(now - _YEAR - timedelta(days=90), now - _YEAR)


@dataclass(frozen=True, slots=True)
class _Signed:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        """Return the certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issued(
    common: str, valid: Validity, issuer: _Signed | None, extensions: tuple[x509.ExtensionType, ...]
) -> _Signed:
    """Return a new certificate and its key, signed by *issuer* or by itself (RFC 5280, 4.2.1)."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name(common) if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid.begin)
        .not_valid_after(valid.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    for extension in extensions:
        critical = isinstance(extension, (x509.BasicConstraints, x509.KeyUsage))
        builder = builder.add_extension(extension, critical=critical)
    return _Signed(builder.sign(signer, hashes.SHA256()), key)


class Authority:
    """A root and an issuing certificate beneath it; the keys live in memory only.

    ``keys`` are the digests of the public keys that were certified, by host, as Chromium's flag
    ``--ignore-certificate-errors-spki-list`` takes them: base64 of the SHA-256 of the subject's public key.
    """

    def __init__(self, now: datetime) -> None:
        self.keys: dict[str, str] = {}
        # The root must have held already when the certificate that is now expired was issued.
        held = Validity(now - 3 * _YEAR, now + timedelta(days=30))
        signing = _usage(signs_certificates=True)
        self._root = _issued(
            "muniment sample root", held, None, (x509.BasicConstraints(ca=True, path_length=1), signing)
        )
        self._issuing = _issued(
            "muniment sample issuing", held, self._root, (x509.BasicConstraints(ca=True, path_length=0), signing)
        )

    @property
    def root_pem(self) -> bytes:
        """The root certificate: what a client is told to trust."""
        return self._root.pem()

    def context(self, host: str, valid: Validity, folder: Path) -> ssl.SSLContext:
        """Return a server's TLS context for *host*; *folder* holds its key for an instant.

        ``ssl`` loads keys from files only: the file is private to its owner and removed at once.
        """
        leaf = _issued(
            host,
            valid,
            self._issuing,
            (
                x509.BasicConstraints(ca=False, path_length=None),
                _usage(signs_certificates=False),
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                x509.SubjectAlternativeName([x509.DNSName(host)]),
            ),
        )
        public = leaf.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.keys[host] = base64.b64encode(hashlib.sha256(public).digest()).decode()
        secret = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        path = folder / f"{host}.key.pem"
        durable.replace(path, secret + leaf.pem() + self._issuing.pem(), mode=0o600)
        try:
            context.load_cert_chain(path)
        finally:
            durable.remove(path)
        return context

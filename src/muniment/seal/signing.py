"""Keys as values: public keys that verify, and a private key that signs. No files, no network.

A key's algorithm is fixed by the key itself and never read from what is being verified, so that a signature cannot
choose how it is checked: Ed25519 (RFC 8032), ECDSA on P-256 with SHA-256 and on P-384 with SHA-384 (signatures in
DER), RSA of at least 2048 bits as RSASSA-PSS with SHA-256 (RFC 8017 8.1, any salt length). RSA PKCS #1 v1.5 is not
accepted: one key must not verify under two schemes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from muniment.errors import FormatError, SignatureInvalid

__all__ = ["Algorithm", "PublicKey", "Signer", "SigningKey"]

_SMALLEST_RSA: Final = 2048
_PEM: Final = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
_DER: Final = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)

_Key = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class Algorithm(StrEnum):
    """How a key signs; there is no "none"."""

    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa-p256-sha256"
    ECDSA_P384 = "ecdsa-p384-sha384"
    RSA_PSS = "rsassa-pss-sha256"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key: its algorithm and its SubjectPublicKeyInfo in DER (RFC 5280 4.1).

    Equal keys have equal bytes: other spellings of the same key are refused when it is read. Says nothing about
    whose key it is: that is what trust.toml is for.
    """

    algorithm: Algorithm
    spki: bytes

    @classmethod
    def parse_der(cls, spki: bytes, where: object = "public key") -> Self:
        """Return the key that *spki* writes; FormatError for damage, other algorithms and other spellings."""
        try:
            key = serialization.load_der_public_key(spki)
        except (ValueError, UnsupportedAlgorithm):
            raise FormatError(where, expected="a public key (SubjectPublicKeyInfo)", found="something else") from None
        algorithm = _algorithm(key, where)
        if key.public_bytes(*_DER) != spki:
            raise FormatError(where, expected="the canonical form of the key", found="another spelling of it")
        return cls(algorithm, spki)

    @classmethod
    def parse_pem(cls, text: str, where: object = "public key") -> Self:
        """Return the key that the PEM block *text* (BEGIN PUBLIC KEY) writes; FormatError as in parse_der."""
        try:
            key = serialization.load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise FormatError(where, expected="a PEM block BEGIN PUBLIC KEY", found=repr(text[:40])) from None
        return cls(_algorithm(key, where), key.public_bytes(*_DER))

    @classmethod
    def of_ed25519(cls, raw: bytes, where: object = "public key") -> Self:
        """Return the Ed25519 key with the 32 octets *raw* (RFC 8032 5.1.5)."""
        try:
            key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise FormatError(where, expected="32 octets of an Ed25519 key", found=f"{len(raw)}") from None
        return cls(Algorithm.ED25519, key.public_bytes(*_DER))

    @property
    def keyid(self) -> str:
        """The name of the key in envelopes: SHA-256 of the SPKI in lowercase hex; a hint, never a proof."""
        return sha256(self.spki).hexdigest()

    @property
    def pem(self) -> str:
        """The key as a PEM block, as openssl reads it."""
        return serialization.load_der_public_key(self.spki).public_bytes(*_PEM).decode("ascii")

    @property
    def raw(self) -> bytes:
        """The 32 octets of an Ed25519 key; FormatError for other algorithms."""
        key = serialization.load_der_public_key(self.spki)
        if not isinstance(key, ed25519.Ed25519PublicKey):
            raise FormatError(f"key {self.keyid[:16]}", expected="an Ed25519 key", found=self.algorithm.value)
        return key.public_bytes_raw()

    def verify(self, signature: bytes, message: bytes, where: object = "signature") -> None:
        """Return when this key made *signature* over *message*; raises SignatureInvalid otherwise."""
        key = serialization.load_der_public_key(self.spki)
        _algorithm(key, where)
        try:
            match key:
                case ed25519.Ed25519PublicKey():
                    key.verify(signature, message)
                case ec.EllipticCurvePublicKey():
                    long = self.algorithm is Algorithm.ECDSA_P384
                    key.verify(signature, message, ec.ECDSA(hashes.SHA384() if long else hashes.SHA256()))
                case rsa.RSAPublicKey():
                    key.verify(signature, message, _PSS, hashes.SHA256())
        except InvalidSignature:
            expected = f"a signature by the {self.algorithm} key {self.keyid[:16]}… over these bytes"
            raise SignatureInvalid(where, expected=expected, found="one that does not verify") from None


def _algorithm(key: object, where: object) -> Algorithm:
    match key:
        case ed25519.Ed25519PublicKey():
            return Algorithm.ED25519
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return Algorithm.ECDSA_P256
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return Algorithm.ECDSA_P384
        case rsa.RSAPublicKey() if key.key_size >= _SMALLEST_RSA:
            return Algorithm.RSA_PSS
        case rsa.RSAPublicKey():
            raise FormatError(where, expected="an RSA key of at least 2048 bits", found=f"{key.key_size} bits")
    raise FormatError(where, expected="an Ed25519, ECDSA P-256, P-384 or RSA key", found="a key of another kind")


class Signer(Protocol):
    """Whatever holds a private key and signs with it: a key file here, a token or a hardware module elsewhere."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies what this signer signs."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature over *message* in the form that ``public`` verifies."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 private key in memory; it shows its keyid and never itself."""

    _private: ed25519.Ed25519PrivateKey = field(repr=False, compare=False)
    public: PublicKey

    @classmethod
    def of(cls, private: ed25519.Ed25519PrivateKey) -> Self:
        """Return *private* with the public key that belongs to it."""
        return cls(private, PublicKey.of_ed25519(private.public_key().public_bytes_raw()))

    @classmethod
    def of_seed(cls, seed: bytes) -> Self:
        """Return the key of the 32 octets *seed* (RFC 8032 5.1.5); the same seed gives the same key for ever."""
        try:
            return cls.of(ed25519.Ed25519PrivateKey.from_private_bytes(seed))
        except ValueError:
            raise FormatError("seed of a key", expected="32 octets", found=f"{len(seed)}") from None

    def sign(self, message: bytes) -> bytes:
        """Return the 64 octets of the signature over *message*."""
        return self._private.sign(message)

    def pkcs8(self, passphrase: bytes | None) -> bytes:
        """Return the private key as PEM (PKCS #8), encrypted under *passphrase* where one is given.

        What is returned without a passphrase is the secret itself: it goes to a file of its owner and nowhere else.
        """
        encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        return self._private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

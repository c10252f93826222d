"""Signatures of a handshake, checked with the key of a certificate (RFC 8446 4.2.3, RFC 5246 7.4.1.4.1)."""

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from muniment.errors import SignatureInvalid, Unsupported
from muniment.tls.certificate import parsed

__all__ = ["check", "scheme_name"]

_SHA256: Final = hashes.SHA256()
_SHA384: Final = hashes.SHA384()
_SHA512: Final = hashes.SHA512()
_WHERE: Final = "the server's signature"

_PKCS1: Final[dict[int, tuple[str, hashes.HashAlgorithm]]] = {
    0x0401: ("rsa_pkcs1_sha256", _SHA256),
    0x0501: ("rsa_pkcs1_sha384", _SHA384),
    0x0601: ("rsa_pkcs1_sha512", _SHA512),
}
_PSS: Final[dict[int, tuple[str, hashes.HashAlgorithm]]] = {
    0x0804: ("rsa_pss_rsae_sha256", _SHA256),
    0x0805: ("rsa_pss_rsae_sha384", _SHA384),
    0x0806: ("rsa_pss_rsae_sha512", _SHA512),
    0x0809: ("rsa_pss_pss_sha256", _SHA256),
    0x080A: ("rsa_pss_pss_sha384", _SHA384),
    0x080B: ("rsa_pss_pss_sha512", _SHA512),
}
_ECDSA: Final[dict[int, tuple[str, hashes.HashAlgorithm, str]]] = {
    0x0403: ("ecdsa_secp256r1_sha256", _SHA256, "secp256r1"),
    0x0503: ("ecdsa_secp384r1_sha384", _SHA384, "secp384r1"),
    0x0603: ("ecdsa_secp521r1_sha512", _SHA512, "secp521r1"),
}
_ED25519: Final = 0x0807
_NAMES: Final = {
    **{number: each[0] for table in (_PKCS1, _PSS) for number, each in table.items()},
    **{number: each[0] for number, each in _ECDSA.items()},
    _ED25519: "ed25519",
}


def scheme_name(number: int) -> str:
    """Return IANA's name of the signature scheme *number*.

    Raises Unsupported for one that is not checked here, those by SHA-1 among them: a signature by it shows nothing.
    """
    name = _NAMES.get(number)
    if name is None:
        raise Unsupported(_WHERE, expected="a signature scheme of today", found=f"scheme 0x{number:04x}")
    return name


def check(leaf: bytes, scheme: int, signature: bytes, content: bytes, *, tls13: bool) -> None:
    """Check that the key in the certificate *leaf* (DER) made *signature* over *content* by *scheme*.

    Says nothing about the certificate itself: who issued it, for whom, until when. Raises SignatureInvalid where the
    signature is another's, Unsupported where certificate or scheme cannot be read here: what a library takes for a
    certificate changes over the years.
    """
    name = scheme_name(scheme)
    key = _public_key(leaf)
    try:
        if scheme in _ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            _, algorithm, curve = _ECDSA[scheme]
            # RFC 8446 4.2.3 ties the curve to the scheme; RFC 8422 5.10 leaves it free in TLS 1.2.
            if not tls13 or key.curve.name == curve:
                return key.verify(signature, content, ec.ECDSA(algorithm))
        elif scheme in _PSS and isinstance(key, rsa.RSAPublicKey):
            algorithm = _PSS[scheme][1]
            # RFC 8446 4.2.3: the salt is as long as the digest.
            pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            return key.verify(signature, content, pss, algorithm)
        elif scheme in _PKCS1 and isinstance(key, rsa.RSAPublicKey) and not tls13:
            return key.verify(signature, content, padding.PKCS1v15(), _PKCS1[scheme][1])
        elif scheme == _ED25519 and isinstance(key, ed25519.Ed25519PublicKey):
            return key.verify(signature, content)
    except InvalidSignature:
        raise SignatureInvalid(_WHERE, expected=f"{name} by the certificate's key", found="another's") from None
    except (ValueError, UnsupportedAlgorithm) as refused:
        # An RSA key too short for the digest, for one.
        raise Unsupported(_WHERE, expected=f"a key for {name}", found=str(refused)[:100]) from None
    raise SignatureInvalid(_WHERE, expected="a scheme that suits the certificate's key", found=name)


def _public_key(leaf: bytes) -> CertificatePublicKeyTypes:
    try:
        return parsed(leaf).public_key()
    except (ValueError, UnsupportedAlgorithm) as unreadable:
        found = str(unreadable)[:100]
        raise Unsupported("the server's certificate", expected="one with a readable key", found=found) from None

"""Time-stamp tokens (RFC 3161) as they are read: strictly, within bounds, and without believing any of it."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import rfc3161_client
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from rfc3161_client import TimeStampResponse

from muniment.digest import Digest
from muniment.errors import FormatError, Unsupported
from muniment.timestamp import der
from muniment.timestamp.der import members, only, whole, wrapped

__all__ = ["ALGORITHMS", "LONGEST", "Request", "Token", "certificates", "in_silence", "read", "read_request", "request"]

LONGEST: Final = 64 << 10
"""Octets of the longest answer or request that is read; those of real authorities are below 10 KiB."""

_CERTIFICATES: Final = 16
_SIGNED_DATA: Final = bytes.fromhex("2a864886f70d010702")
_TST_INFO: Final = bytes.fromhex("2a864886f70d0109100104")
_Algorithm = type[hashes.SHA1] | type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]
_SIGNING_CERTIFICATES: Final[dict[bytes, tuple[bool, _Algorithm]]] = {
    bytes.fromhex("2a864886f70d010910020c"): (False, hashes.SHA1),  # RFC 2634 5.4, ESSCertID
    bytes.fromhex("2a864886f70d010910022f"): (True, hashes.SHA256),  # RFC 5816, ESSCertIDv2, and its default
}
_OIDS: Final[dict[str, str]] = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# cryptography parses parts of names and extensions when they are asked for, and raises KeyError and TypeError, too.
_REFUSALS: Final = (
    ValueError,
    OverflowError,
    KeyError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
ALGORITHMS: Final[dict[str, _Algorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
"""Digests by which octets may be stamped, and certificates named."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an authority is asked: its octets, the nonce in it, and the imprint."""

    octets: bytes
    nonce: int | None
    imprint: bytes


@dataclass(frozen=True, slots=True)
class CertificateId:
    """Which certificate the signer says it signed with: its digest (RFC 5035 ESSCertIDv2, RFC 2634 ESSCertID)."""

    digest: bytes
    algorithm: hashes.HashAlgorithm


@dataclass(frozen=True, slots=True)
class Token:
    """What an answer of an authority claims; nothing of it is verified.

    ``octets`` are those of the answer, untouched; ``response`` is what rfc3161-client reads out of them. ``at`` is
    genTime, ``accuracy`` how far off it may be, ``algorithm`` and ``imprint`` what was stamped. ``signer`` names the
    certificate that signed by issuer and serial number, ``signed_with`` by digest. ``certificates`` are those inside.
    """

    octets: bytes
    response: TimeStampResponse
    at: datetime
    accuracy: timedelta
    serial: int
    policy: str
    nonce: int | None
    algorithm: str
    imprint: bytes
    signer: tuple[x509.Name, int]
    signed_with: CertificateId
    certificates: tuple[x509.Certificate, ...]
    where: str

    @property
    def digest(self) -> Digest:
        """The digest of the untouched answer, by which it is named and quoted."""
        return Digest.of_bytes(self.octets)


def request(message: bytes) -> Request:
    """Return a request for a token over the SHA-256 of *message*, with a nonce, and with the certificate wanted."""
    made = rfc3161_client.TimestampRequestBuilder().data(message).hash_algorithm(rfc3161_client.HashAlgorithm.SHA256)
    built = made.nonce(nonce=True).cert_request(cert_request=True).build()
    return Request(built.as_bytes(), built.nonce, built.message_imprint.message)


def read_request(octets: bytes, where: object) -> Request:
    """Return what the request *octets* asks for; FormatError where it is none."""
    version, *rest = _parts(octets, where, 6)
    algorithm, hashed = _pair(rest[0] if rest else None, where)
    only(version, der.INTEGER, where)
    only(algorithm, der.SEQUENCE, where)
    nonces = [int.from_bytes(each.content, "big", signed=True) for each in rest if each.tag == der.INTEGER]
    return Request(octets, nonces[0] if nonces else None, only(hashed, der.OCTETS, where).content)


def read(octets: bytes, where: object, beside: Iterable[x509.Certificate] = ()) -> Token:
    """Return what the answer *octets* claims (TimeStampResp, RFC 3161 2.4.2); *beside* are certificates kept beside it.

    Whatever is malformed, refused by the authority, or not within bounds is one FormatError; what an authority may
    do, and this version cannot judge, is Unsupported, which is one too.

    Certificates are a SET, which DER sorts and not all authorities do (`openssl ts -reply` does not). No signature
    covers that order, so they are sorted for reading; the octets that are kept stay as they came.
    """
    place = str(where)
    held = [each.public_bytes(Encoding.DER) for each in beside]
    response = _response(_sorted(octets, held, place), place)
    try:
        return _token(octets, response, place)
    except _REFUSALS as wrong:
        raise FormatError(place, expected="a time-stamp token (RFC 3161)", found=repr(wrong)[:200]) from None


def certificates(pem: bytes, where: object) -> tuple[x509.Certificate, ...]:
    """Return the certificates that *pem* holds, one or more; FormatError where it holds anything else."""
    if len(pem) > LONGEST:
        raise FormatError(where, expected=f"certificates of at most {LONGEST} octets", found=f"{len(pem)}")
    try:
        with in_silence():
            found = tuple(x509.load_pem_x509_certificates(pem))
            _read_throughout(found)
    except _REFUSALS as wrong:
        raise FormatError(where, expected="certificates in PEM", found=repr(wrong)[:200]) from None
    return found


def _parts(octets: bytes, where: object, at_most: int) -> tuple[der.Value, ...]:
    if len(octets) > LONGEST:
        raise FormatError(where, expected=f"at most {LONGEST} octets", found=f"{len(octets)}")
    found = tuple(members(whole(octets, der.SEQUENCE, where).content, where))
    if not 1 <= len(found) <= at_most:
        raise FormatError(where, expected=f"1 to {at_most} parts", found=str(len(found)))
    return found


def _response(octets: bytes, where: str) -> TimeStampResponse:
    try:
        return rfc3161_client.decode_timestamp_response(octets)
    except ValueError as wrong:
        raise FormatError(where, expected="a time-stamp token (RFC 3161)", found=str(wrong)[:200]) from None


def _sorted(octets: bytes, beside: list[bytes], where: str) -> bytes:
    """Return *octets* with the certificates in the order of DER, and with those that lie *beside* among them."""
    status, *rest = _parts(octets, where, 2)
    _refuse_failed(only(status, der.SEQUENCE, where), where)
    kind, explicit = _pair(rest[0] if len(rest) == 1 else None, where)
    if only(kind, der.OID, where).content != _SIGNED_DATA:
        raise FormatError(where, expected="signed data (RFC 5652 5)", found=kind.content.hex()[:60])
    signed = whole(only(explicit, der.context(0), where).content, der.SEQUENCE, where)
    version, algorithms, content, *optional = (*members(signed.content, where), None, None, None, None)[:7]
    held = [each for each in optional if each is not None]
    inner, _ = _pair(content, where)
    if only(inner, der.OID, where).content != _TST_INFO:
        raise FormatError(where, expected="the content of a time-stamp token", found=inner.content.hex()[:60])
    shown: list[bytes] = []
    if held and held[0].tag == der.context(0):
        shown = [each.octets for each in members(held.pop(0).content, where)]
    all_ = der.ordered([*shown, *beside])
    if len(shown) > _CERTIFICATES:
        raise FormatError(where, expected=f"at most {_CERTIFICATES} certificates", found=str(len(shown)))
    parts = (only(version, der.INTEGER, where), only(algorithms, der.SET, where), only(content, der.SEQUENCE, where))
    again = wrapped(
        der.SEQUENCE,
        *(each.octets for each in parts),
        *([wrapped(der.context(0), *all_)] if all_ else []),
        *(each.octets for each in held),
    )
    wrapped_token = wrapped(der.SEQUENCE, kind.octets, wrapped(der.context(0), again))
    return wrapped(der.SEQUENCE, status.octets, wrapped_token)


def _pair(value: der.Value | None, where: object) -> tuple[der.Value, der.Value]:
    found = tuple(members(only(value, der.SEQUENCE, where).content, where))
    if len(found) != 2:
        raise FormatError(where, expected="a kind and its content", found=f"{len(found)} values")
    return found[0], found[1]


def _refuse_failed(status: der.Value, where: str) -> None:
    """Raise FormatError where the authority refused, with its own words (RFC 3161 2.4.2, PKIStatusInfo)."""
    first, *rest = (*members(status.content, where), None)
    number = only(first, der.INTEGER, where)
    if number.content == b"\0":
        return
    words = [each.content.decode(errors="replace") for each in _texts(rest[0] if rest else None, where)]
    code = int.from_bytes(number.content[:4], "big")
    raise FormatError(where, expected="status 0, granted", found=f"{code} {' '.join(words)[:200]!r}")


def _texts(value: der.Value | None, where: str) -> Iterable[der.Value]:
    return members(value.content, where) if value is not None and value.tag == der.SEQUENCE else ()


def _token(octets: bytes, response: TimeStampResponse, where: str) -> Token:
    info, signed = response.tst_info, response.signed_data
    signers = tuple(signed.signer_infos)
    if len(signers) != 1:
        raise FormatError(where, expected="one signer (RFC 3161 2.4.2)", found=str(len(signers)))
    oid = info.message_imprint.hash_algorithm.dotted_string
    if oid not in _OIDS:
        raise Unsupported(where, expected="an imprint by SHA-256, SHA-384 or SHA-512", found=oid)
    with in_silence():
        found = tuple(x509.load_der_x509_certificate(each) for each in sorted(signed.certificates))
        _read_throughout(found)
    at = info.gen_time
    return Token(
        octets=octets,
        response=response,
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        accuracy=_accuracy(info.accuracy, where),
        serial=info.serial_number,
        policy=info.policy.dotted_string,
        nonce=info.nonce,
        algorithm=_OIDS[oid],
        imprint=info.message_imprint.message,
        signer=(signers[0].issuer, signers[0].serial_number),
        signed_with=_signed_with(response.time_stamp_token(), where),
        certificates=found,
        where=where,
    )


def _accuracy(said: rfc3161_client.Accuracy | None, where: str) -> timedelta:
    """Return how far off the time may be (RFC 3161 2.4.2), which is no time at all beyond a day."""
    if said is None:
        return timedelta(0)
    parts = (said.seconds or 0, said.millis or 0, said.micros or 0)
    if not all(0 <= part <= most for part, most in zip(parts, (86400, 999, 999), strict=True)):
        raise FormatError(where, expected="an accuracy of at most a day", found=repr(parts)[:60])
    return timedelta(seconds=parts[0], milliseconds=parts[1], microseconds=parts[2])


@contextmanager
def in_silence() -> Iterator[None]:
    """Take in silence what cryptography takes with a warning: old authorities have odd certificates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _read_throughout(found: Iterable[x509.Certificate]) -> None:
    """Read every part of *found* that is asked for later, because a certificate is parsed when it is asked."""
    for each in found:
        _ = (each.subject, each.issuer, each.not_valid_after_utc, each.extensions, each.version)
        try:
            each.public_key()
        except UnsupportedAlgorithm as unknown:
            raise ValueError(f"a key that cannot be read: {unknown}") from None


def _signed_with(token: bytes, where: str) -> CertificateId:
    """Return which certificate the signed attributes name (RFC 3161 2.4.2: they shall)."""
    _, explicit = _pair(whole(token, der.SEQUENCE, where), where)
    signed = whole(explicit.content, der.SEQUENCE, where)
    infos = tuple(members(signed.content, where))[-1]
    info = _first(only(infos, der.SET, where), where)
    attributes = [each for each in members(info.content, where) if each.tag == der.context(0)]
    for attribute in members(attributes[0].content if attributes else b"", where):
        name, values = _pair(attribute, where)
        if name.content in _SIGNING_CERTIFICATES:
            return _certificate_id(whole(values.content, der.SEQUENCE, where), name.content, where)
    raise FormatError(where, expected="a signed attribute that names the certificate (RFC 5816)", found="none")


def _certificate_id(signing: der.Value, kind: bytes, where: str) -> CertificateId:
    # SigningCertificate(V2) ::= SEQUENCE { certs SEQUENCE OF ESSCertID(v2), ... }; the first is the signer's.
    is_second, algorithm = _SIGNING_CERTIFICATES[kind]
    first = _first(_first(signing, where), where)
    parts = list(members(first.content, where))
    if is_second and parts and parts[0].tag == der.SEQUENCE:
        named = next(members(parts.pop(0).content, where), None)
        oid = _dotted(only(named, der.OID, where).content, where)
        if oid not in _OIDS:
            raise Unsupported(where, expected="a digest by SHA-2 of the certificate", found=oid)
        algorithm = ALGORITHMS[_OIDS[oid]]
    return CertificateId(only(parts[0] if parts else None, der.OCTETS, where).content, algorithm())


def _first(value: der.Value, where: str) -> der.Value:
    return only(next(members(value.content, where), None), der.SEQUENCE, where)


def _dotted(octets: bytes, where: str) -> str:
    """Return the object identifier that *octets* write (X.690 8.19), of those that have a first arc below 2.48."""
    numbers, number = [], 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    if not octets or octets[-1] & 0x80 or len(octets) > 32:
        raise FormatError(where, expected="an object identifier", found=octets.hex()[:60] or "nothing")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))

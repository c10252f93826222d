"""DSSE v1: bytes in, sealed bytes out, and back.

The envelope is canonical JSON ``{"payload":…,"payloadType":…,"signatures":[{"keyid":…,"sig":…}]}`` with canonical
base64; any other spelling is refused, so that an envelope has one form. Signed is the pre-authentication encoding
(PAE) of type and payload, never the JSON.

Three rules go beyond the DSSE protocol, on the safe side:

- a signature whose keyid is that of a held key must verify, even where another one does;
- a signature that a held key made, under a keyid that is not that key's, was tampered with and is refused;
- an extra signature by a key that is not held is reported (``Opened.unknown``) and never trusted.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from muniment import canonical
from muniment.errors import FormatError, JobError, SignatureInvalid, TrustError
from muniment.seal.signing import PublicKey, Signer

__all__ = ["Opened", "open", "pae", "seal", "unverified_payload"]

_KEYID: Final = re.compile(r"[0-9a-f]{64}")
_TYPE: Final = re.compile(r"[!-~]{1,255}")
_MOST_SIGNATURES: Final = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload whose signature was verified: the bytes, who signed, and keyids of signatures that say nothing.

    Says nothing about when it was signed, nor that the payload is well-formed.
    """

    payload: bytes
    signers: tuple[PublicKey, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Envelope:
    payload: bytes
    payload_type: str
    signatures: tuple[tuple[str, bytes], ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that are signed (DSSE v1, "pre-authentication encoding"): lengths are octets in decimal."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def seal(payload: bytes, payload_type: str, signers: Sequence[Signer]) -> bytes:
    """Return *payload* sealed by each of *signers*, as the bytes of an envelope.

    Raises JobError where there is no signer, or one twice, or more than 16.
    """
    if not _TYPE.fullmatch(payload_type):
        raise FormatError("payload type", expected="a media type in ASCII", found=repr(payload_type[:80]))
    keyids = [signer.public.keyid for signer in signers]
    if not 1 <= len(set(keyids)) == len(keyids) <= _MOST_SIGNATURES:
        raise JobError(f"A seal needs between 1 and {_MOST_SIGNATURES} different keys; {len(keyids)} were given.")
    message = pae(payload_type, payload)
    return canonical.encode(
        {
            "payload": canonical.encode_base64(payload),
            "payloadType": payload_type,
            "signatures": [
                {"keyid": keyid, "sig": canonical.encode_base64(signer.sign(message))}
                for keyid, signer in zip(keyids, signers, strict=True)
            ],
        }
    )


def open(  # noqa: A001 - read as seal.open, the counterpart of seal.seal
    sealed: bytes, keys: Iterable[PublicKey], payload_type: str, where: object = "seal"
) -> Opened:
    """Return what *sealed* holds once one of *keys* is shown to have signed it as *payload_type*.

    *keys* are the verifier's own; none is ever taken from what is verified. Raises FormatError for anything but one
    well-formed envelope; SignatureInvalid for a stripped envelope, another payload type, a signature under the keyid
    of a held key that does not verify, or a changed keyid; TrustError when all signatures are by keys not held.
    """
    envelope = _parse(sealed, where)
    if envelope.payload_type != payload_type:
        raise SignatureInvalid(where, expected=f"a seal on {payload_type}", found=f"one on {envelope.payload_type!r}")
    if not envelope.signatures:
        raise SignatureInvalid(where, expected="a signature", found="none: it was never signed, or stripped")
    held = {key.keyid: key for key in keys}
    message = pae(payload_type, envelope.payload)
    signers: list[PublicKey] = []
    unknown: list[str] = []
    for keyid, signature in envelope.signatures:
        if key := held.get(keyid):
            key.verify(signature, message, where)
            signers.append(key)
        else:
            _refuse_disguised(keyid, signature, message, held.values(), where)
            unknown.append(keyid)
    if not signers:
        names = ", ".join(f"{keyid[:16]}…" for keyid in unknown)
        raise TrustError(f"{where}: signed by the unknown key {names}; trust.toml names no operator with that key")
    return Opened(envelope.payload, tuple(signers), tuple(unknown))


def unverified_payload(sealed: bytes, where: object = "seal") -> bytes:
    """Return the payload of *sealed* without looking at any signature; FormatError for a malformed envelope."""
    return _parse(sealed, where).payload


def _refuse_disguised(keyid: str, signature: bytes, message: bytes, held: Iterable[PublicKey], where: object) -> None:
    for key in held:
        try:
            key.verify(signature, message)
        except SignatureInvalid:
            continue
        raise SignatureInvalid(where, expected=f"keyid {key.keyid}, whose key made the signature", found=keyid)


def _parse(sealed: bytes, where: object) -> _Envelope:
    value = _fields(canonical.decode(sealed, where), ("payload", "payloadType", "signatures"), where)
    if canonical.encode(value) != sealed:
        raise FormatError(where, expected="an envelope in canonical JSON", found="another spelling of it")
    listed = value["signatures"]
    if not isinstance(listed, list) or len(listed) > _MOST_SIGNATURES:
        raise FormatError(where, expected=f"a list of at most {_MOST_SIGNATURES} signatures", found=str(listed)[:60])
    signatures = []
    for each in listed:
        signature = _fields(each, ("keyid", "sig"), where)
        keyid = _text(signature["keyid"], _KEYID, "a keyid of 64 lowercase hex digits", where)
        signatures.append((keyid, _base64(signature["sig"], where)))
    if len({keyid for keyid, _ in signatures}) != len(signatures):
        raise FormatError(where, expected="one signature for each keyid", found="a keyid twice")
    payload_type = _text(value["payloadType"], _TYPE, "a payload type in ASCII", where)
    return _Envelope(_base64(value["payload"], where), payload_type, tuple(signatures))


def _fields(value: object, names: tuple[str, ...], where: object) -> dict[str, Any]:
    if not isinstance(value, dict) or tuple(sorted(value)) != names:
        found = f"an object with {sorted(value)}" if isinstance(value, dict) else type(value).__name__
        raise FormatError(where, expected=f"an object with exactly {', '.join(names)}", found=found[:120])
    return value


def _text(value: object, form: re.Pattern[str], expected: str, where: object) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise FormatError(where, expected=expected, found=repr(value)[:80])
    return value


def _base64(value: object, where: object) -> bytes:
    if not isinstance(value, str):
        raise FormatError(where, expected="base64 text", found=type(value).__name__)
    return canonical.decode_base64(value, where)

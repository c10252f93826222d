"""Records opened: the AEAD of TLS 1.3 and 1.2, and CBC with HMAC in both orders."""

import hmac
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from muniment.errors import FormatError, IntegrityError
from muniment.tls import schedule
from muniment.tls.record import ContentType, Record
from muniment.tls.suites import Protection, Suite

__all__ = ["Aead12", "Aead13", "Cbc12", "Opener", "openers12"]

_WHERE: Final = "a protected record"
_BLOCK: Final = 16
_IV: Final = 12
_SALT: Final = 4
_EXPLICIT: Final = 8


class Opener(Protocol):
    """One direction's keys, which open its records one after the other."""

    opened: int
    """How many records these keys have opened: the sequence number of the next one."""

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Return what *record* carries.

        Raises IntegrityError where it does not open: the key is another one, or the octets were changed. Raises
        FormatError where it opened and is malformed all the same.
        """


class Aead13:
    """The keys of one traffic secret of TLS 1.3 (RFC 8446 5.2, 5.3, 7.3)."""

    __slots__ = ("_aead", "_iv", "_suite", "opened", "secret")

    def __init__(self, secret: bytes, suite: Suite) -> None:
        self.secret = secret
        self._suite = suite
        self._aead = _aead(suite, schedule.expand_label(secret, "key", suite.key_size, suite.hash))
        self._iv = schedule.expand_label(secret, "iv", _IV, suite.hash)
        self.opened = 0

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Open *record* as :class:`Opener` says, and take its padding off."""
        content = _decrypted(self._aead, _xor(self._iv, self.opened), record.fragment, record.header)
        self.opened += 1
        # RFC 8446 5.4: the last octet that is not zero is the type; padding is rare, so it is looked at first.
        inner = content if content and content[-1] else content.rstrip(b"\0")
        if not inner or inner[-1] not in ContentType.__members__.values():
            found = f"type {inner[-1]}" if inner else "nothing but padding"
            raise FormatError(_WHERE, expected="content with its type", found=found)
        return ContentType(inner[-1]), inner[:-1]

    def updated(self) -> "Aead13":
        """Return the keys after a KeyUpdate."""
        return Aead13(schedule.updated(self.secret, self._suite.hash), self._suite)


class Aead12:
    """One direction's keys of an AEAD suite of TLS 1.2 (RFC 5246 6.2.3.3, RFC 5288 3, RFC 6655 3, RFC 7905 2)."""

    __slots__ = ("_aead", "_explicit", "_iv", "_tag", "opened")

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._aead = _aead(suite, key)
        self._iv = iv
        self._explicit = 0 if suite.protection is Protection.CHACHA20 else _EXPLICIT
        self._tag = 8 if suite.protection is Protection.CCM_8 else 16
        self.opened = 0

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Open *record* as :class:`Opener` says."""
        sealed = record.fragment[self._explicit :]
        size = len(record.fragment) - self._explicit - self._tag
        if size < 0:
            raise FormatError(_WHERE, expected="a nonce and a tag", found=f"{len(record.fragment)} octets")
        nonce = self._iv + record.fragment[: self._explicit] if self._explicit else _xor(self._iv, self.opened)
        content = _decrypted(self._aead, nonce, sealed, _pseudo_header(self.opened, record, size))
        self.opened += 1
        return record.type, content


class Cbc12:
    """One direction's keys of a CBC suite of TLS 1.2: MAC inside (RFC 5246 6.2.3.2) or outside (RFC 7366)."""

    __slots__ = ("_encrypt_then_mac", "_key", "_mac", "_mac_key", "_mac_size", "opened")

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes, *, encrypt_then_mac: bool) -> None:
        self._key = algorithms.AES(key)
        self._mac = suite.mac
        self._mac_key = mac_key
        self._mac_size = schedule.hash_size(suite.mac)
        self._encrypt_then_mac = encrypt_then_mac
        self.opened = 0

    def open(self, record: Record) -> tuple[ContentType, bytes]:
        """Open *record* as :class:`Opener` says."""
        if self._encrypt_then_mac:
            end = max(len(record.fragment) - self._mac_size, 0)
            sealed, mac = record.fragment[:end], record.fragment[end:]
            self._check(record, sealed, mac)
            content = self._decrypted(sealed)
        else:
            padded = self._decrypted(record.fragment)
            end = max(len(padded) - self._mac_size, 0)
            content, mac = padded[:end], padded[end:]
            self._check(record, content, mac)
        self.opened += 1
        return record.type, content

    def _check(self, record: Record, content: bytes, mac: bytes) -> None:
        header = _pseudo_header(self.opened, record, len(content))
        if not hmac.compare_digest(mac, hmac.digest(self._mac_key, header + content, self._mac)):
            raise _does_not_open()

    def _decrypted(self, sealed: bytes) -> bytes:
        """Return what *sealed* holds, its padding checked and taken off.

        Nobody learns anything from how long this takes: the keys are ours, and the connection is over or not ours.
        """
        if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
            raise FormatError(_WHERE, expected="whole blocks and an IV", found=f"{len(sealed)} octets")
        decryptor = Cipher(self._key, modes.CBC(sealed[:_BLOCK])).decryptor()
        padded = decryptor.update(sealed[_BLOCK:]) + decryptor.finalize()
        size = padded[-1] + 1
        if padded[-size:] != bytes([padded[-1]]) * size:
            raise _does_not_open()
        return padded[:-size]


def openers12(suite: Suite, master_secret: bytes, randoms: bytes, *, encrypt_then_mac: bool) -> tuple[Opener, Opener]:
    """Return the keys of client and server that follow from *master_secret*; *randoms* is server's, then client's.

    RFC 5246 6.3: MAC keys, keys, IVs, the client's first each time.
    """
    mac_size = schedule.hash_size(suite.mac) if suite.protection is Protection.CBC else 0
    iv_size = {Protection.CBC: 0, Protection.CHACHA20: _IV}.get(suite.protection, _SALT)
    size = 2 * (mac_size + suite.key_size + iv_size)
    block = schedule.prf(master_secret, b"key expansion", randoms, size, suite.hash)

    def cut(start: int, each: int) -> tuple[bytes, bytes]:
        return block[start : start + each], block[start + each : start + 2 * each]

    mac_keys = cut(0, mac_size)
    keys = cut(2 * mac_size, suite.key_size)
    ivs = cut(2 * (mac_size + suite.key_size), iv_size)

    def opener(side: int) -> Opener:
        if suite.protection is Protection.CBC:
            return Cbc12(suite, keys[side], mac_keys[side], encrypt_then_mac=encrypt_then_mac)
        return Aead12(suite, keys[side], ivs[side])

    return opener(0), opener(1)


def _aead(suite: Suite, key: bytes) -> AESGCM | AESCCM | ChaCha20Poly1305:
    match suite.protection:
        case Protection.CHACHA20:
            return ChaCha20Poly1305(key)
        case Protection.CCM:
            return AESCCM(key)
        case Protection.CCM_8:
            return AESCCM(key, tag_length=8)
        case _:
            return AESGCM(key)


def _decrypted(aead: AESGCM | AESCCM | ChaCha20Poly1305, nonce: bytes, sealed: bytes, header: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, sealed, header)
    except InvalidTag:
        raise _does_not_open() from None


def _does_not_open() -> IntegrityError:
    return IntegrityError(_WHERE, expected="one that its logged key opens", found="another key, or damage")


def _xor(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ number).to_bytes(_IV, "big")


def _pseudo_header(number: int, record: Record, size: int) -> bytes:
    """Return what a TLS 1.2 record's MAC or AEAD covers besides its content (RFC 5246 6.2.3.1, 6.2.3.3)."""
    return number.to_bytes(8, "big") + record.header[:3] + size.to_bytes(2, "big")

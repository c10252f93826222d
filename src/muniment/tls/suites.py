"""Cipher suites by their number: IANA's name, and what follows from that name."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

__all__ = ["Exchange", "Protection", "Suite", "suite"]


class Exchange(Enum):
    """How a TLS 1.2 suite agrees on keys, and so whether its server signs anything (RFC 5246 7.4.3)."""

    STATIC_RSA = "RSA"
    DHE = "DHE_RSA"
    ECDHE_RSA = "ECDHE_RSA"
    ECDHE_ECDSA = "ECDHE_ECDSA"
    TLS13 = ""


class Protection(Enum):
    """How a suite protects records."""

    GCM = auto()
    CCM = auto()
    CCM_8 = auto()
    CHACHA20 = auto()
    CBC = auto()


@dataclass(frozen=True, slots=True)
class Suite:
    """One cipher suite: ``hash`` is that of its key schedule, ``mac`` that of CBC's HMAC, by hashlib's names."""

    number: int
    name: str
    exchange: Exchange
    protection: Protection
    key_size: int
    hash: str
    mac: str


def suite(number: int) -> Suite | None:
    """Return the suite that IANA numbers *number*; None for one that cannot be decoded here."""
    name = _NAMES.get(number)
    return _parsed(number, name) if name else None


def _parsed(number: int, name: str) -> Suite:
    """Return what *name* says, ``TLS_<exchange>_WITH_<cipher>_<hash>`` or, in TLS 1.3, ``TLS_<cipher>_<hash>``."""
    exchange, _, cipher = name.removeprefix("TLS_").rpartition("_WITH_")
    last = cipher.rpartition("_")[2]
    if "_CBC_" in cipher:
        protection = Protection.CBC
    elif "_CCM" in cipher:
        protection = Protection.CCM_8 if "_CCM_8" in cipher else Protection.CCM
    else:
        protection = Protection.CHACHA20 if cipher.startswith("CHACHA20") else Protection.GCM
    return Suite(
        number=number,
        name=name,
        exchange=Exchange(exchange),
        protection=protection,
        key_size=16 if cipher.startswith("AES_128") else 32,
        # RFC 5246 5: SHA-256 for every suite that does not name a stronger hash; a CBC suite's SHA is its MAC's.
        hash="sha384" if last == "SHA384" else "sha256",
        mac={"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}.get(last, ""),
    )


# https://www.iana.org/assignments/tls-parameters: what browsers, curl and their servers of today agree on, and the CBC,
# CCM, DHE and static RSA suites of older servers. RFC 5246, 5288, 5289, 6655, 7251, 7905, 8446.
_NAMES: Final = {
    0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA",
    0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
    0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
    0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
    0x003C: "TLS_RSA_WITH_AES_128_CBC_SHA256",
    0x003D: "TLS_RSA_WITH_AES_256_CBC_SHA256",
    0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
    0x006B: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
    0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256",
    0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
    0x009E: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
    0x009F: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    0xC023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    0xC024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    0xC027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    0xC028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xC09C: "TLS_RSA_WITH_AES_128_CCM",
    0xC09D: "TLS_RSA_WITH_AES_256_CCM",
    0xC09E: "TLS_DHE_RSA_WITH_AES_128_CCM",
    0xC09F: "TLS_DHE_RSA_WITH_AES_256_CCM",
    0xC0A0: "TLS_RSA_WITH_AES_128_CCM_8",
    0xC0A1: "TLS_RSA_WITH_AES_256_CCM_8",
    0xC0A2: "TLS_DHE_RSA_WITH_AES_128_CCM_8",
    0xC0A3: "TLS_DHE_RSA_WITH_AES_256_CCM_8",
    0xC0AC: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
    0xC0AD: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
    0xC0AE: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
    0xC0AF: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCAA: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

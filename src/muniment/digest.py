"""Labelled message digests, and digesting in one pass.

A digest is written ``<algorithm>:<lowercase hex>`` (ISO 28500:2017 5.8 and 5.9 leave the encoding open; PREMIS names
algorithm and value apart). Inside muniment a digest is never a bare string.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from muniment.errors import FormatError

__all__ = ["ALGORITHM", "Digest", "Digester"]

ALGORITHM: Final = "sha256"
_SIZES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True, slots=True)
class Digest:
    """One message digest: the algorithm's label and the raw value.

    Equality is that of label and bytes: a digest by another algorithm is never equal, even one of the same bytes.
    """

    algorithm: str
    value: bytes

    @classmethod
    def of(cls, chunks: Iterable[bytes]) -> Self:
        """Return the SHA-256 digest of *chunks* laid end to end; never holds more than one chunk."""
        digester = hashlib.sha256()
        for chunk in chunks:
            digester.update(chunk)
        return cls(ALGORITHM, digester.digest())

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Return the SHA-256 digest of *content*."""
        return cls(ALGORITHM, hashlib.sha256(content).digest())

    @classmethod
    def parse(cls, text: str, where: object = "digest") -> Self:
        """Return the digest that *text* (``sha256:<lowercase hex>``) writes.

        Raises FormatError for an unknown label, another length, upper case or base32.
        """
        label, _, digits = text.partition(":")
        try:
            value = bytes.fromhex(digits)
        except ValueError:
            value = b""
        # bytes.fromhex passes over spaces and capitals; a digest has one spelling.
        if len(value) != _SIZES.get(label) or value.hex() != digits:
            raise FormatError(where, expected="sha256:<64 lowercase hex digits>", found=repr(text[:100]))
        return cls(label, value)

    @classmethod
    def parse_hex(cls, text: str, where: object = "digest") -> Self:
        """Return the SHA-256 digest that the bare lowercase hex *text* writes, as in-toto and sha256sum do."""
        return cls.parse(f"{ALGORITHM}:{text}", where)

    @property
    def hex(self) -> str:
        """The value in lowercase hex, without label."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class Digester:
    """A SHA-256 digest in the making: bytes pass by, nothing is kept of them."""

    __slots__ = ("_state", "size")

    def __init__(self) -> None:
        self._state = hashlib.sha256()
        self.size = 0

    def update(self, chunk: bytes | memoryview) -> None:
        """Take *chunk* into the digest and count its octets in ``size``."""
        self._state.update(chunk)
        self.size += len(chunk)

    def digest(self) -> Digest:
        """Return the digest of everything so far; more may follow."""
        return Digest(ALGORITHM, self._state.digest())

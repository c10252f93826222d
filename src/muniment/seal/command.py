"""Signing by a program of the user's: a hardware token, or a machine of its own; the private key is never seen here.

The program gets the message on standard input and answers with the bare signature on standard output: 64 octets of
Ed25519 (RFC 8032), ECDSA in DER, or RSASSA-PSS with SHA-256. It has no terminal. What it answers is verified by the
public key before anything is done with it, so a program that signs by another key seals nothing.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from muniment import settings
from muniment.asking import Unanswered, ask
from muniment.errors import FormatError, JobError, SignatureInvalid
from muniment.seal.signing import PublicKey

__all__ = ["CommandSigner", "parse"]

_LARGEST: Final = 4096
_LONGEST: Final = 600.0


class _SignerFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    public_key: str
    command: list[str]
    timeout: str = "60s"


@dataclass(frozen=True, slots=True)
class CommandSigner:
    """Signs by starting ``command``, a list of arguments that no shell reads, and waiting ``timeout`` seconds."""

    public: PublicKey
    command: tuple[str, ...]
    timeout: float = 60.0

    def sign(self, message: bytes) -> bytes:
        """Return the signature over *message*, shown to be by ``public``.

        Raises JobError when the program cannot be started, fails, answers too much, too late, or by another key;
        whatever it started is ended with it.
        """
        answer = _answered(self.command, message, self.timeout)
        try:
            self.public.verify(answer, message)
        except SignatureInvalid:
            raise JobError(
                f"{self._name}: what it answered ({len(answer)} octets) is no signature by the "
                f"{self.public.algorithm} key {self.public.keyid[:16]}… over the message; nothing was sealed by it"
            ) from None
        return answer

    @property
    def _name(self) -> str:
        return f"the signing program {self.command[0]}"


def parse(content: bytes, path: Path) -> CommandSigner:
    """Return the signer that the TOML *content* of the file *path* describes; JobError says what is wrong with it."""
    found = settings.parse(content, _SignerFile, path)
    if not found.command or not found.command[0] or any("\0" in each for each in found.command):
        raise JobError(f'{path}: command names no program; write a list like ["sign-with-token", "--slot", "9c"]')
    timeout = settings.duration(found.timeout)
    if not 0 < timeout <= _LONGEST:
        raise JobError(f"{path}: timeout = {found.timeout}: must be above 0s and at most 10m")
    try:
        public = PublicKey.parse_pem(found.public_key, path)
    except FormatError as wrong:
        raise JobError(f"{wrong}; public-key holds the PEM block of the key that the program signs with") from None
    return CommandSigner(public, tuple(found.command), timeout)


def _answered(command: tuple[str, ...], message: bytes, timeout: float) -> bytes:
    ends = time.monotonic() + timeout
    try:
        return ask(command, message, lambda: ends - time.monotonic(), _LARGEST)
    except Unanswered as why:
        raise JobError(
            f"the signing program {command[0]} {why} ({timeout:g} s, {_LARGEST} octets); try it by hand"
        ) from None

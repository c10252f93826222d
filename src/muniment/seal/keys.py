"""Private keys on disk: one file for each role, for its owner alone, outside of any archive.

``<folder>/operator.pem`` seals statements, ``<folder>/log.pem`` signs checkpoints. A file holds two PEM blocks: the
private key (PKCS #8, encrypted where a passphrase was given), then the public key, readable without the passphrase.
openssl reads both. Where ``<folder>/<role>.toml`` is there in its stead, a program of the user's signs (see
:mod:`muniment.seal.command`), and no private key lies here. A lost key cannot be had back: what it sealed stays
verifiable, nothing new can be sealed by it.

No text of an error, no repr and no log line ever holds key material or a passphrase.
"""

import os
import re
import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment import durable
from muniment.errors import FormatError, JobError, StoreError
from muniment.seal import command
from muniment.seal.command import CommandSigner
from muniment.seal.signing import Algorithm, PublicKey, Signer, SigningKey

__all__ = [
    "KeyRole",
    "backup",
    "create",
    "export",
    "is_locked",
    "load",
    "needs_passphrase",
    "path",
    "prepare",
    "public",
    "restore",
    "supersede",
    "use_command",
]

_OWNER_ONLY: Final = 0o600
_LARGEST: Final = 64 << 10
_BLOCKS: Final = re.compile(
    r"(-----BEGIN (?P<kind>(?:ENCRYPTED )?PRIVATE KEY)-----\n[A-Za-z0-9+/=\n]+-----END (?P=kind)-----\n)"
    r"(-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n)"
)
_BACKUP: Final = re.compile(r"muniment (operator|log) key ([0-9a-f]{64})\n" + _BLOCKS.pattern)


class KeyRole(StrEnum):
    """What a key is for: the operator's seals statements, the log's signs checkpoints."""

    OPERATOR = "operator"
    LOG = "log"


def path(folder: Path, role: KeyRole) -> Path:
    """Return where the key of *role* lies in *folder*, or the file that names the program which signs with it."""
    described = _described(folder, role)
    return described if os.path.lexists(described) else _held(folder, role)


def _held(folder: Path, role: KeyRole) -> Path:
    return folder / f"{role}.pem"


def _described(folder: Path, role: KeyRole) -> Path:
    return folder / f"{role}.toml"


def create(folder: Path, role: KeyRole, passphrase: bytes | None) -> SigningKey:
    """Make a new Ed25519 key of *role* in *folder* and return it: file 0600 and folder 0700, whatever the umask.

    Without *passphrase* the file is not encrypted. Raises JobError when a key of that role is there already: a key
    is never overwritten.
    """
    _refuse_empty(passphrase)
    if os.path.lexists(path(folder, role)):
        raise JobError(
            f"{path(folder, role)}: a key is there already and is never overwritten; "
            "use it, or name another folder with MUNIMENT_HOME."
        )
    key = SigningKey.of(Ed25519PrivateKey.generate())
    _write(folder, role, key, passphrase)
    return key


def use_command(folder: Path, role: KeyRole, description: bytes) -> CommandSigner:
    """Let the program that *description* (TOML) names sign as *role* from now on; JobError where a key is there."""
    where = _described(folder, role)
    signer = command.parse(description, where)
    if role is KeyRole.LOG and signer.public.algorithm is not Algorithm.ED25519:
        raise JobError(f"{where}: a log signs with Ed25519, and this is a key of the kind {signer.public.algorithm}.")
    if os.path.lexists(path(folder, role)):
        raise JobError(f"{path(folder, role)}: a key is there already and is never overwritten.")
    durable.private_folder(folder)
    durable.create(where, description, mode=_OWNER_ONLY)
    return signer


def load(folder: Path, role: KeyRole, passphrase: bytes | None) -> Signer:
    """Return what signs as *role* in *folder*; *passphrase* is not looked at where the file is not encrypted.

    Raises JobError, saying what to do, when the file is missing, readable by others, another user's, no key, or
    when the passphrase is missing or wrong.
    """
    return _program(folder, role) or _own(_held(folder, role), passphrase)


def _own(where: Path, passphrase: bytes | None) -> SigningKey:
    private, shown = _blocks(where)
    return _unlocked(private, shown, passphrase, where)


def _program(folder: Path, role: KeyRole) -> CommandSigner | None:
    """Return the program that signs as *role*, None where the key itself is here; JobError where both are."""
    described, held = _described(folder, role), _held(folder, role)
    if not os.path.lexists(described):
        return None
    if os.path.lexists(held):
        raise JobError(f"{described} and {held}: both say who signs as {role}; move away the one that does not.")
    return command.parse(_read(described).encode(), described)


def public(folder: Path, role: KeyRole) -> PublicKey:
    """Return the public key of *role* in *folder*; needs no passphrase. Raises JobError as load does."""
    if program := _program(folder, role):
        return program.public
    where = _held(folder, role)
    return _shown(_blocks(where)[1], where)


def needs_passphrase(folder: Path, role: KeyRole) -> bool:
    """Say whether the key of *role* in *folder* is encrypted. Raises JobError as load does."""
    return _program(folder, role) is None and _is_encrypted(_blocks(_held(folder, role))[0])


def is_locked(folder: Path) -> bool:
    """Say whether any key in *folder* is encrypted, so that a passphrase is needed to sign. JobError as load."""
    return any(needs_passphrase(folder, role) for role in KeyRole)


def prepare(folder: Path, passphrase: bytes | None) -> SigningKey:
    """Return the key that is to be the operator's next, made in *folder* beside the present one where none is yet.

    It is not used before :func:`supersede` puts it in the place of the present one. One that a crash left is taken up
    again; JobError where *passphrase* does not open it.
    """
    _refuse_empty(passphrase)
    where = _next(folder)
    if os.path.lexists(where):
        return _own(where, passphrase)
    key = SigningKey.of(Ed25519PrivateKey.generate())
    durable.private_folder(folder)
    durable.create(where, _file(key, passphrase), mode=_OWNER_ONLY)
    return key


def supersede(folder: Path, description: bytes | None) -> None:
    """Put the operator's next key in the place of the present one, whose private key is gone then.

    With *description* (TOML) the program that it names signs from now on.
    """
    held, described = _held(folder, KeyRole.OPERATOR), _described(folder, KeyRole.OPERATOR)
    if description is None:
        # The program of the old key first: two that sign would be refused, none is refused as well, and
        # `muniment keys rotate` carries on from both.
        durable.remove(described)
        durable.supersede(_next(folder), held)
        return
    durable.replace(described, description, mode=_OWNER_ONLY)
    durable.remove(held)


def _next(folder: Path) -> Path:
    return folder / "operator-next.pem"


def export(folder: Path) -> Mapping[KeyRole, PublicKey]:
    """Return the public keys of all roles that *folder* holds; JobError where it holds none."""
    present = {role: public(folder, role) for role in KeyRole if os.path.lexists(path(folder, role))}
    if not present:
        raise JobError(
            f"{folder}: no keys are here; `muniment keys restore FILE` brings them back from a backup, "
            "and MUNIMENT_HOME names another folder."
        )
    return present


def backup(folder: Path, destination: Path, passphrase: bytes, *, unlock: bytes | None = None) -> None:
    """Copy the keys of *folder* into the one new file *destination* (0600), encrypted under *passphrase*.

    *unlock* is the passphrase of the keys in *folder*, where they have one. Raises JobError without a passphrase,
    when *destination* is there already, or when a key cannot be loaded; then nothing is written.
    """
    if not passphrase:
        raise JobError("A backup of keys is always encrypted: give a passphrase for it.")
    if os.path.lexists(destination):
        raise JobError(f"{destination}: something is there already and is never overwritten; name a new file.")
    parts = []
    for role in export(folder):
        if _program(folder, role):
            continue  # whoever keeps the key keeps its copies
        key = _own(_held(folder, role), unlock)
        parts += [f"muniment {role} key {key.public.keyid}\n".encode(), _file(key, passphrase)]
    if not parts:
        raise JobError(f"{folder}: no private key is here: programs sign. Back up the keys where they are.")
    durable.create(destination, b"".join(parts), mode=_OWNER_ONLY)


def restore(source: Path, folder: Path, passphrase: bytes) -> Mapping[KeyRole, PublicKey]:
    """Put the keys of the backup *source* into *folder*, encrypted under the same *passphrase*.

    Raises JobError when *source* is no backup, the passphrase is wrong, or a key of that role is there already;
    then no key is written.
    """
    text = _read(source)
    found = {KeyRole(match[1]): match for match in _BACKUP.finditer(text)}
    if not found or "".join(match[0] for match in found.values()) != text:
        raise JobError(f"{source}: this is not a backup made by `muniment keys backup`, or it is damaged.")
    keys = {role: _unlocked(match[3], match[5], passphrase, source) for role, match in found.items()}
    for role in keys:
        if os.path.lexists(path(folder, role)):
            raise JobError(f"{path(folder, role)}: a key is there already and is never overwritten.")
    for role, key in keys.items():
        _write(folder, role, key, passphrase)
    return {role: key.public for role, key in keys.items()}


def _write(folder: Path, role: KeyRole, key: SigningKey, passphrase: bytes | None) -> None:
    durable.private_folder(folder)
    durable.create(_held(folder, role), _file(key, passphrase), mode=_OWNER_ONLY)


def _file(key: SigningKey, passphrase: bytes | None) -> bytes:
    return key.pkcs8(passphrase) + key.public.pem.encode("ascii")


def _refuse_empty(passphrase: bytes | None) -> None:
    if passphrase == b"":
        raise JobError("The passphrase is empty: give one, or none at all.")


def _read(where: Path) -> str:
    if not os.path.lexists(where):
        raise JobError(
            f"{where}: there is no key here; `muniment keys restore FILE` brings it back from a backup, "
            "and MUNIMENT_HOME names another folder."
        )
    try:
        with durable.opened(where) as stream:
            _refuse_exposed(where, os.fstat(stream.fileno()))
            content = stream.read(_LARGEST + 1)
        _refuse_exposed_folder(where.parent)
        return content[:_LARGEST].decode("ascii")
    except StoreError as failure:
        raise JobError(f"{failure}; a key must be a plain file that you can read.") from failure
    except UnicodeDecodeError:
        raise JobError(f"{where}: this is not a key file; put the right one here, or restore a backup.") from None


def _refuse_exposed(where: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise JobError(
            f"{where}: this key belongs to another user (uid {status.st_uid}) and is not used; "
            "run muniment as its owner, or `chown` it."
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise JobError(
            f"{where}: others may read or write this key (mode {stat.S_IMODE(status.st_mode):04o}), so it is not "
            f"used. If you are sure that nobody did: chmod 600 '{where}'"
        )


def _refuse_exposed_folder(folder: Path) -> None:
    mode = stat.S_IMODE(folder.stat().st_mode)
    # A sticky folder such as /tmp lets nobody exchange files of another owner (unlink(2)).
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise JobError(
            f"{folder}: others may exchange the keys in this folder (mode {mode:04o}), so they are not used. "
            f"If you are sure that nobody did: chmod 700 '{folder}'"
        )


def _blocks(where: Path) -> tuple[str, str]:
    match = _BLOCKS.fullmatch(_read(where))
    if match is None:
        raise JobError(f"{where}: this is not a key file of muniment; put the right one here, or restore a backup.")
    return match[1], match[3]


def _is_encrypted(private: str) -> bool:
    return private.startswith("-----BEGIN ENCRYPTED ")


def _shown(block: str, where: Path) -> PublicKey:
    try:
        return PublicKey.parse_pem(block, where)
    except FormatError:
        raise JobError(f"{where}: the public key in this file is damaged; restore a backup.") from None


def _unlocked(private: str, shown: str, passphrase: bytes | None, where: Path) -> SigningKey:
    encrypted = _is_encrypted(private)
    if encrypted and not passphrase:
        raise JobError(f"{where}: this key is encrypted; give its passphrase (at the prompt, by file or descriptor).")
    try:
        loaded = serialization.load_pem_private_key(private.encode("ascii"), passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's own words are kept back: nothing of a key or a passphrase may reach a screen.
        if encrypted:
            raise JobError(f"{where}: the passphrase is wrong, or the key file is damaged.") from None
        raise JobError(f"{where}: the private key in this file is damaged; restore a backup.") from None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise JobError(f"{where}: this is a key of another kind; muniment signs with Ed25519 keys.")
    key = SigningKey.of(loaded)
    if key.public != _shown(shown, where):
        raise JobError(f"{where}: the private and the public key in this file do not belong together.")
    return key

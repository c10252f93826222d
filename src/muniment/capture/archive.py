"""An archive as its staff uses it: where it lies, its settings, and where its keys are kept outside of it."""

import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from muniment import durable, layout, manifest, settings
from muniment.errors import FormatError, JobError
from muniment.log import note
from muniment.rules import Limits
from muniment.seal import PublicKey, keys

__all__ = [
    "Archive",
    "ArchiveTable",
    "AuthorityTable",
    "Begun",
    "CaptureTable",
    "CustodyTable",
    "LimitsTable",
    "Settings",
    "begin_with_keys",
    "found",
    "limits",
    "opened",
]

_UNWRITABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})  # controls, halves of characters, ends of lines
_TEMPLATE: Final = """\
# This file marks the root of an archive of muniment, and holds its settings.
# The evidence lies in archive/ and manifests/; the private keys lie outside, see `muniment keys list`.

[archive]
name = {name}
origin = {origin}
operator = {operator}
created = {created}

# Who confirms the time: time-stamping authorities, best two of different operators; see docs/time.md.
# [[tsa]]
# name = "First"
# url = "https://tsa.example/tsr"
# root = "first-root.pem"
"""


class ArchiveTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an archive is called: ``origin`` names its log for ever, ``operator`` may be a pseudonym."""

    name: str
    origin: str
    operator: str
    created: str = ""


class LimitsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """Limits as people write them; what is not named keeps its default."""

    max_time: str | None = None
    max_bytes: str | None = None
    max_resources: int | None = None
    max_resource_bytes: str | None = None
    max_resource_time: str | None = None
    idle_timeout: str | None = None
    max_redirects: int | None = None
    per_host: int | None = None
    delay: str | None = None
    min_free: str | None = None


class CaptureTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """How this archive captures where no flag says otherwise."""

    cited: int | None = None
    tls: str | None = None
    user_agent: str | None = None
    ca_file: list[str] | None = None


class AuthorityTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A time-stamping authority that this archive asks: where, and by which root its tokens are verified on receipt.

    ``root`` is a file, relative to the archive's folder, or the certificates themselves, in PEM.
    """

    name: str
    url: str
    root: str


class CustodyTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether verifications and disclosures record themselves as events; they need the keys for it."""

    record: bool = False


class CheckpointsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where new checkpoints go: ``mail``, ``page``, or the path of a folder on another disk."""

    to: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of muniment.toml."""

    archive: ArchiveTable
    limits: LimitsTable = LimitsTable()
    capture: CaptureTable = CaptureTable()
    tsa: list[AuthorityTable] = []
    custody: CustodyTable = CustodyTable()
    checkpoints: CheckpointsTable = CheckpointsTable()


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive's root, its settings, and the user's folder in which its keys and newest checkpoint are kept."""

    root: Path
    settings: Settings
    home: Path

    @property
    def origin(self) -> str:
        """The name of the archive's log."""
        return self.settings.archive.origin

    @property
    def keys(self) -> Path:
        """The folder of this archive's private keys, outside of the archive."""
        return self.home / "archives" / self.origin

    @property
    def remembered(self) -> Path:
        """The newest checkpoint that this machine has seen of the log, outside of the archive."""
        return self.keys / "checkpoint"

    def statement(self, capture: str) -> Path:
        """Return where the sealed statement of *capture* lies, once it was sealed."""
        return self.path(layout.statement(capture))

    def path(self, relative: object) -> Path:
        """Return the path of what :mod:`muniment.layout` names."""
        return self.root / str(relative)


def found(start: Path) -> Path:
    """Return the nearest folder from *start* upwards that is the root of an archive; JobError when there is none.

    One that was handed over without its settings will do for reading: what holds a log beside archive/.
    """
    for folder in (start, *start.parents):
        if (folder / layout.SETTINGS).is_file() or (
            (folder / "archive").is_dir() and (folder / str(layout.logs())).is_dir()
        ):
            return folder
    raise JobError(
        f"{start}: no archive here or above (no {layout.SETTINGS}); make one with `muniment init NAME`, "
        "or say where it is with --archive DIR"
    )


def opened(root: Path, home: Path) -> Archive:
    """Return the archive at *root*, its settings read strictly; JobError names file, line and mistake."""
    marked = root / str(layout.SETTINGS)
    if not marked.is_file():
        raise JobError(f"{root}: is not an archive (no {layout.SETTINGS}); make one with `muniment init {root}`")
    read = settings.read(marked, Settings)
    try:
        layout.log(read.archive.origin)
    except FormatError as wrong:
        raise JobError(f"{marked}: {wrong}") from None
    return Archive(root, read, home)


def origin(name: str, chance: bytes) -> str:
    """Return a name for a log: what *name* gives in lowercase ASCII, and six letters of *chance* against mix-ups."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "archive"
    return f"{plain}.{layout.capture_id(datetime.fromtimestamp(0).astimezone(), chance)[-6:]}"


def mark(root: Path, table: ArchiveTable) -> None:
    """Write the file that makes *root* an archive."""
    durable.private_folder(root / str(layout.WORK))
    written = _TEMPLATE.format(
        name=settings.text(table.name),
        origin=settings.text(table.origin),
        operator=settings.text(table.operator),
        created=settings.text(table.created),
    )
    durable.create(root / str(layout.SETTINGS), written.encode(), mode=0o644)


def named(name: str, operator: str, chance: bytes, now: datetime) -> ArchiveTable:
    """Return the settings of a new archive called *name*."""
    return ArchiveTable(name=name, origin=origin(name, chance), operator=operator, created=manifest.timestamp(now))


def limits(written: LimitsTable, default: Limits) -> Limits:
    """Return the limits that *written* asks for, on top of *default*; JobError for a value that cannot be read."""
    changed: dict[str, float | int] = {}
    for field in msgspec.structs.fields(LimitsTable):
        value = getattr(written, field.name)
        if value is None:
            continue
        if field.name.endswith(("_bytes", "_free")):
            changed[field.name] = settings.size(value)
        elif isinstance(value, str):
            changed[field.name] = settings.duration(value)
        elif value < (0 if field.name == "max_redirects" else 1):
            raise JobError(f"{field.encode_name} = {value}: must be at least 1")
        else:
            changed[field.name] = value
    return Limits(**{**{each: getattr(default, each) for each in default.__slots__}, **changed})


@dataclass(frozen=True, slots=True)
class Begun:
    """A new archive: the name of its log, the log's key as a vkey, the operator's public key, where keys lie."""

    origin: str
    vkey: str
    operator_key: PublicKey
    keys: Path


def begin_with_keys(  # noqa: PLR0913, PLR0917 - all that an archive is begun with
    root: Path,
    name: str,
    operator: str,
    home: Path,
    passphrase: bytes | None,
    programs: Mapping[keys.KeyRole, bytes] = MappingProxyType({}),
) -> Begun:
    """Make a new archive at *root* with new keys below *home*; the file that marks the archive is written last.

    *programs* describe (TOML) the programs that sign, for the roles that have no key of their own here. Raises
    JobError when there is an archive already, or *name* or *operator* cannot be shown on one line, StoreError when a
    folder cannot be written.
    """
    for flag, given in (("--name", name), ("--operator", operator)):
        if any(unicodedata.category(letter) in _UNWRITABLE for letter in given):
            raise JobError(f"{flag} {given!r}: holds a line end or another character that is no text; write it anew")
    if (root / str(layout.SETTINGS)).exists():
        raise JobError(f"{root}: is an archive already; capture into it with `muniment capture URL`")
    table = named(name, operator, secrets.token_bytes(4), datetime.now(UTC))
    archive = Archive(root, Settings(archive=table), home)
    for each in ("archive", "manifests", layout.log(table.origin), layout.public_keys()):
        durable.folder(root / str(each))
    durable.private_folder(home)
    durable.private_folder(home / "archives")
    made = {
        role: keys.use_command(archive.keys, role, programs[role])
        if role in programs
        else keys.create(archive.keys, role, passphrase)
        for role in keys.KeyRole
    }
    signing = made[keys.KeyRole.OPERATOR].public
    vkey = str(note.VerifierKey(table.origin, made[keys.KeyRole.LOG].public))
    public = root / str(layout.public_keys())
    durable.create(public / f"{table.origin}.vkey", f"{vkey}\n".encode())
    durable.create(public / f"{signing.keyid}.pem", signing.pem.encode())
    mark(root, table)
    return Begun(table.origin, vkey, signing, archive.keys)

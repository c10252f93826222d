"""The attack corpus: what an attack is, how one is written down, and how muniment is asked about it.

An attack is one fault in something that is sound otherwise. It lies in a zip file of its own, with all that a verifier
brings: ``trust.toml``, and where it is about an older state of the log, ``old-checkpoint``.
"""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["EVIDENCE", "EXPECTED", "FOLDER", "Attack", "Bench", "attack", "attacks", "pack", "unpack", "write"]

FOLDER: Final = Path(__file__).parent / "vectors" / "attacks"
EXPECTED: Final = FOLDER / "expected.json"
EVIDENCE: Final = "evidence"
_EPOCH: Final = (2024, 12, 10, 12, 0, 0)


@dataclass(frozen=True)
class Bench:
    """Where an attack is made: what is attacked, the trust of the verifier, and sound things to take from."""

    evidence: Path
    trust: Path
    old: Path
    stock: Any

    def only(self, pattern: str) -> Path:
        """Return the first path of the evidence that *pattern* names."""
        return min(self.evidence.rglob(pattern))


@dataclass(frozen=True)
class Attack:
    """One fault: what is attacked, what was done, and what a verifier has to say of it and by which check."""

    name: str
    kind: str
    what: str
    verdict: str
    check: str
    make: Callable[[Bench], None] = field(compare=False)

    @property
    def document(self) -> Mapping[str, str]:
        """What the list of expectations says of it."""
        return {"kind": self.kind, "what": self.what, "verdict": self.verdict, "check": self.check}


_ATTACKS: dict[str, Attack] = {}


def attack(
    kind: str, name: str, what: str, check: str, *, verdict: str = "fail"
) -> Callable[[Callable[[Bench], None]], Callable[[Bench], None]]:
    """Enter the decorated function as the attack *name* on a *kind* of thing."""

    def entered(make: Callable[[Bench], None]) -> Callable[[Bench], None]:
        full = f"{kind}-{name}"
        assert full not in _ATTACKS, full
        _ATTACKS[full] = Attack(full, kind, what, verdict, check, make)
        return make

    return entered


def attacks() -> list[Attack]:
    """Return all attacks that were entered, by name."""
    return [_ATTACKS[name] for name in sorted(_ATTACKS)]


def pack(folder: Path) -> bytes:
    """Return the zip file of all that lies in *folder*, with links as links and the same time everywhere."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.external_attr = 0o120777 << 16
                packed.writestr(entry, str(path.readlink()))
            elif path.is_file():
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.external_attr = 0o100644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, path.read_bytes())
    return written.getvalue()


def unpack(name: str, to: Path) -> Path:
    """Unpack the attack *name* below *to* and return its folder."""
    with zipfile.ZipFile(FOLDER / f"{name}.zip") as packed:
        for entry in packed.infolist():
            target = to / entry.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.external_attr >> 28 == 0o12:
                target.symlink_to(packed.read(entry).decode())
            else:
                target.write_bytes(packed.read(entry))
    return to


def write(stock: Callable[[str, Path], Bench], scratch: Path) -> None:
    """Make every attack that has no file yet, and the list of what is expected; *stock* sets a bench up for a kind."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for each in attacks():
        packed = FOLDER / f"{each.name}.zip"
        if not packed.exists():
            place = scratch / each.name
            each.make(stock(each.kind, place))
            packed.write_bytes(pack(place))
    for packed in FOLDER.glob("*.zip"):
        if packed.stem not in _ATTACKS:
            packed.unlink()
    EXPECTED.write_text(json.dumps({each.name: each.document for each in attacks()}, indent=1) + "\n", encoding="utf-8")

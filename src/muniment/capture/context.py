"""The private context of a capture: who, where, with which tools, by which clock, under which settings.

It names the operator and the host, so it stays in the archive when a record is disclosed; the statement commits to it
by digest only.
"""

import hashlib
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final

from muniment import __version__, canonical, manifest, settings
from muniment.digest import Digest
from muniment.errors import JobError
from muniment.rules import Limits, Rules

__all__ = ["Circumstances", "encode", "rules_document", "tool"]

_LIBRARIES: Final = (
    "ada-url",
    "brotlicffi",
    "certifi",
    "click",
    "cryptography",
    "isal",
    "lxml",
    "msgspec",
    "requests",
    "rfc3161-client",
    "rich",
    "selectolax",
    "sqlite-utils",
    "trafilatura",
    "urllib3",
    "warcio",
    "yt-dlp",
    "zstandard",
)
_RESOLVER: Final = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known around a capture besides its rules.

    ``lasted`` is in microseconds by the monotonic clock, None where a crash came between and nobody knows. ``browser``
    says which browser ran and how, and is empty where none did. ``credentials`` are the ids of the records that hold
    what opens an account. ``clocks`` are what others' clocks said meanwhile.
    """

    capture: str
    operator: str
    opened: datetime
    closed: datetime
    lasted: int | None
    root_store: str
    browser: Mapping[str, Any] = field(default_factory=dict)
    credentials: Sequence[str] = ()
    clocks: Sequence[Mapping[str, Any]] = ()


def encode(found: Circumstances, rules: Mapping[str, Any]) -> bytes:
    """Return context.json as it is sealed, with a LF at its end; *rules* as :func:`rules_document` gives them."""
    document = {
        "v": 1,
        "capture": found.capture,
        "operator": found.operator,
        "host": {"name": platform.node(), "system": platform.platform(), "machine": platform.machine()},
        "python": {"version": platform.python_version(), "build": " ".join(platform.python_build()), **_interpreter()},
        "tool": tool(),
        "libraries": [_library(name) for name in _LIBRARIES],
        "network": {"proxy": "none", "resolver": _resolver(rules)},
        "root_store": _root_store(found.root_store, rules),
        "clock": _clock(found),
        "rules": dict(rules),
        "credentials": list(found.credentials),
        **({"browser": dict(found.browser)} if found.browser else {}),
    }
    return canonical.encode(document) + b"\n"


def _clock(found: Circumstances) -> dict[str, Any]:
    local = found.opened.astimezone()
    clock = {
        "opened": manifest.timestamp(found.opened),
        "closed": manifest.timestamp(found.closed),
        "zone": local.tzname() or "",
        "offset_seconds": int((local.utcoffset() or timedelta()).total_seconds()),
        "source": "system clock, not compared with any authority",
    }
    if found.clocks:
        by_authority = any(each["kind"] == "tsa" for each in found.clocks)
        clock |= {"compared": [dict(each) for each in found.clocks]}
        clock |= {"source": "system clock, compared with authorities"} if by_authority else {}
    if found.lasted is not None:
        # By how much the wall clock was set forward or back while the capture ran: the monotonic clock never is.
        stepped = round((found.closed - found.opened).total_seconds() * 1e6) - found.lasted
        clock |= {"lasted_microseconds": found.lasted, "stepped_microseconds": stepped}
    return clock


def tool() -> dict[str, str]:
    """Return name, version and digest of this very program: SHA-256 over its sources, in the order of their names."""
    digester = hashlib.sha256()
    root = resources.files("muniment")
    for path in sorted(Path(str(root)).rglob("*.py")):
        digester.update(path.relative_to(str(root)).as_posix().encode() + b"\0")
        digester.update(hashlib.sha256(path.read_bytes()).digest())
    return {"name": "muniment", "version": __version__, "digest": f"sha256:{digester.hexdigest()}"}


def rules_document(rules: Rules) -> dict[str, Any]:
    """Return *rules* as they are sealed in opening and context: the names of flags, values as people write them."""
    return {
        "engine": rules.engine,
        "cited": rules.cited,
        "limits": _limits(rules.limits),
        "allow-net": list(rules.allow_net),
        "resolve": list(rules.resolve),
        "dns": rules.dns,
        "tls": rules.tls,
        "ca-file": [{"name": Path(each).name, "digest": str(_digest(Path(each)))} for each in rules.ca_files],
        "user-agent": rules.user_agent,
        "video": rules.video,
        **({"max-height": rules.max_height} if rules.max_height is not None else {}),
        **({"entrusted": list(rules.entrusted)} if rules.entrusted else {}),
        **({"consent": rules.consent, "wire": rules.wire or "any"} if rules.engine == "browser" else {}),
    }


def _limits(limits: Limits) -> Mapping[str, Any]:
    spoken: dict[str, Any] = {}
    for name, value in asdict(limits).items():
        if name.endswith(("_time", "_timeout")) or name == "delay":
            spoken[name.replace("_", "-")] = settings.spoken_duration(value)
        elif name.endswith(("_bytes", "_free")):
            spoken[name.replace("_", "-")] = settings.spoken_size(value)
        else:
            spoken[name.replace("_", "-")] = value
    return spoken


def _library(name: str) -> dict[str, str]:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return {"name": name, "version": "absent", "digest": ""}
    # The installer's RECORD lists every file of the package with its digest, so one digest stands for all of them.
    record = found.read_text("RECORD") or ""
    return {"name": name, "version": found.version, "digest": str(Digest.of_bytes(record.encode())) if record else ""}


def _interpreter() -> dict[str, str]:
    return {"digest": str(_digest(Path(sys.executable).resolve()))}


def _resolver(rules: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"used": "system" if rules["dns"] else "none, --no-dns"}
    if rules["dns"] and _RESOLVER.is_file():
        lines = _RESOLVER.read_text(errors="replace").splitlines()
        found["nameservers"] = [line.split()[1] for line in lines if line.startswith("nameserver ")]
    return found


def _root_store(path: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        "digest": str(_digest(Path(path))) if path else "",
        "added": [each["digest"] for each in rules["ca-file"]],
    }


def _digest(path: Path) -> Digest:
    try:
        with path.open("rb") as stream:
            return Digest.of(iter(lambda: stream.read(1 << 20), b""))
    except OSError as failure:
        raise JobError(f"{path}: could not be read: {failure.strerror}") from failure

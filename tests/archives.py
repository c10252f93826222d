"""Small sealed archives for tests, made by the real write path without any network."""

import io
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from muniment import layout
from muniment.capture import recovery
from muniment.capture.archive import Archive, begin_with_keys, opened
from muniment.capture.commit import Clock, Desk, Draft, Ending, commit, draft, signers
from muniment.model import Connection, Exchange, Framing, Reason, Role
from muniment.rules import Rules
from muniment.verify import Outside, trust

SEED = "https://news.example/2024/12/market"
VIDEO = "https://social.example/media/north-gate.mp4"


@dataclass(frozen=True)
class Made:
    """An archive that was made: where it lies, whose home made it, and its captures in order."""

    root: Path
    home: Path
    captures: tuple[str, ...]

    @property
    def archive(self) -> Archive:
        return opened(self.root, self.home)

    @property
    def trust(self) -> trust.Trust:
        return trust.read(self.home / "trust.toml")

    @property
    def origin(self) -> str:
        return self.archive.origin

    @property
    def outside(self) -> Outside:
        """What the machine that made the archive knows of it."""
        remembered = self.archive.remembered

        def seen(origin: str) -> bytes | None:
            return remembered.read_bytes() if origin == self.origin and remembered.exists() else None

        return Outside(remembered=seen, origins=(self.origin,))

    def path(self, relative: object) -> Path:
        return self.root / str(relative)

    def warc(self, capture: int = 0, number: int = 0) -> Path:
        return self.path(layout.warc(self.captures[capture], number))

    def copied(self, to: Path) -> "Made":
        """Return a copy of the archive whose files can be written; the home stays the same one."""
        shutil.copytree(self.root, to, symlinks=True)
        for each in to.rglob("*"):
            each.chmod(0o755 if each.is_dir() else 0o644)
        return replace(self, root=to)


class Ticking:
    """A clock that starts at a given moment and goes on by a second whenever it is asked."""

    def __init__(self, start: datetime) -> None:
        self.at = start

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


def exchange(
    url: str, body: bytes, *, media_type: str = "text/html", tls: str = "ok", coding: str = "identity"
) -> Exchange:
    """Return an exchange that was answered 200 with *body*."""
    fields = (("Content-Type", media_type), ("Content-Length", str(len(body))), ("Content-Encoding", coding))
    head = "".join(["HTTP/1.1 200 OK\r\n", *(f"{name}: {value}\r\n" for name, value in fields), "\r\n"]).encode()
    host = url.split("/")[2]
    at = datetime(2024, 12, 10, 9, 30, 13, 250, tzinfo=UTC)
    made = Connection(
        id=f"c-{host}",
        host=host,
        address="127.0.0.7",
        port=443,
        opened=at,
        look=None,
        tls=tls,
        tls_version="tls/1.3",
        cipher="TLS_AES_128_GCM_SHA256",
        chain=(b"leaf of " + host.encode(), b"root"),
    )
    return Exchange(
        url=url,
        method="GET",
        started=at,
        reason=Reason.OK,
        detail="",
        connection=made,
        request=f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
        response=io.BytesIO(head + body),
        response_size=len(head) + len(body),
        head_size=len(head),
        status=200,
        fields=fields,
        framing=Framing.LENGTH if body else Framing.EMPTY,
    )


def refused(url: str) -> Exchange:
    """Return an exchange that was refused before anything was sent."""
    at = datetime(2024, 12, 10, 9, 30, 14, tzinfo=UTC)
    return Exchange(url, "GET", at, Reason.REFUSED, "connection refused", None)


def article(mark: str) -> list[tuple[Exchange, Role]]:
    """Return the exchanges of one small article; *mark* makes its bytes differ from those of another."""
    page = f"<!DOCTYPE html><title>Market {mark}</title><p>Two people were killed.</p>".encode() * 4
    return [
        (exchange(SEED, page), Role.ARTICLE),
        (exchange(VIDEO, mark.encode() * 700, media_type="video/mp4", tls="ok"), Role.VIDEO),
        (refused("https://gone.example/photo.jpg"), Role.IMAGE),
    ]


def begun(base: Path, name: str = "case-017") -> Made:
    """Return an archive without captures, below *base*, with keys in a home of its own."""
    home, root = base / "home", base / name
    new = begin_with_keys(root, name, "Desk 1", home, None)
    trust.remember(home / "trust.toml", trust.lines(new.origin, new.vkey, "Desk 1", new.operator_key))
    return Made(root, home, ())


@contextmanager
def drafted(made: Made, exchanges: Sequence[tuple[Exchange, Role]], start: datetime) -> Iterator[Draft]:
    """Open a capture, hand its exchanges to the recorder, and give it before it is closed."""
    clock = Clock(now=Ticking(start).now, monotonic=time.monotonic)
    desk = Desk(made.archive, signers(made.archive, None), Rules(), clock)
    with draft(desk, SEED) as capture:
        parent = ""
        for each, role in exchanges:
            record_id = capture.recorder.take(each, role, parent)
            parent = parent or record_id
        yield capture


def captured(made: Made, mark: str, exchanges: Sequence[tuple[Exchange, Role]] | None = None) -> Made:
    """Return *made* with one more capture."""
    start = datetime(2024, 12, 10, 9, 30, tzinfo=UTC) + timedelta(minutes=len(made.captures))
    wanted = article(mark) if exchanges is None else exchanges
    with drafted(made, wanted, start) as capture:
        asked = len(wanted)
        recorded = sum(each.response is not None for each, _ in wanted)
        committed = commit(capture, Ending(asked, recorded, interrupted=False, root_store=""))
    return replace(made, captures=(*made.captures, committed.id))


def recovered(made: Made) -> list[recovery.Recovered]:
    """Recover whatever a crash left in *made*, some hours later, and return what was done."""
    where, later = made.archive, datetime(2024, 12, 10, 12, 30, tzinfo=UTC)
    return list(recovery.recover(where, signers(where, None), recovery.unfinished(where), later))


def archive(base: Path, marks: str = "ab") -> Made:
    """Return an archive with one capture for each letter of *marks*."""
    made = begun(base)
    for mark in marks:
        made = captured(made, mark)
    return made


def tree(root: Path) -> Mapping[str, bytes]:
    """Return the content of every file below *root*."""
    return {str(each.relative_to(root)): each.read_bytes() for each in sorted(root.rglob("*")) if each.is_file()}

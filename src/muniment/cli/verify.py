"""``muniment verify``: every byte held against what was sealed, offline, by the verifier's own trust."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from muniment.cli import Room, json_option, passphrase_options, tell
from muniment.cli.recording import Unlock, record_by_itself

if TYPE_CHECKING:
    from muniment.verification import Verification
    from muniment.verify import Outside, Trust

__all__ = ["outside_of", "trust_of", "verify"]


@click.command()
@click.argument("path", required=False)
@click.option(
    "--trust",
    "trust_file",
    type=click.Path(path_type=Path),
    help="Whom to believe; otherwise your own trust.toml. Nothing inside the archive is believed.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="CHECKPOINT",
    help="An old checkpoint that somebody kept: the log must begin with it. May be given several times.",
)
@click.option("--strict", is_flag=True, help="What matters and is not there (witnesses, time) is not passed over.")
@click.option("--payloads", is_flag=True, help="Decode every payload too and check what it decodes to.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Say what will have lapsed by this day (YYYY-MM-DD); otherwise by now.",
)
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the report as one page into this file.")
@passphrase_options
@json_option
@click.pass_obj
def verify(  # noqa: PLR0913 - one argument for each option
    room: Room,
    /,
    path: str | None,
    *,
    trust_file: Path | None,
    against: tuple[Path, ...],
    strict: bool,
    payloads: bool,
    at: datetime | None,
    page: Path | None,
    passphrase_file: Path | None,
    passphrase_fd: int | None,
    as_json: bool,
) -> int:
    """Verify the archive at PATH (or the one around this folder), one capture, by its id or its folder, or a packet.

    Reads archive/, manifests/ and your trust, nothing else: no network, no index. It writes nothing either, unless the
    archive's muniment.toml says that checks are recorded; only for that a passphrase is needed.

    Exit status 0: every check passed; 1: a check failed; 4: nothing failed, but something required could not be
    decided.
    """
    from muniment.cli.notes import note_in
    from muniment.errors import JobError
    from muniment.verify import Depth, is_packet, verify_packet
    from muniment.verify import verify as verified

    if page is not None and os.path.lexists(page):
        raise JobError(f"{page}: something is there already and is never overwritten; name a new file for the report")
    trust = trust_of(room, trust_file)
    kept = tuple((str(each), note_in(each)) for each in against)
    root, only = (Path(path).absolute(), None) if path and is_packet(Path(path)) else _what(room, path)
    if is_packet(root):
        if kept or strict:
            raise JobError(f"{root}: a packet holds no log; --against and --strict are for archives and their logs")
        found = verify_packet(root, trust)
    else:
        depth = Depth.PAYLOADS if payloads else Depth.RECORDS
        outside = replace(outside_of(room, root), against=kept, strict=strict, at=_day(at))
        found = verified(root, trust, only=only, depth=depth, outside=outside)
    _tell(found, f"{root}, capture {only}" if only else str(root), page, as_json=as_json)
    # What will be on another day is no check of today. And a folder that is named may be a copy: an event that were
    # logged there would fork the log of the archive itself.
    if path is None and at is None:
        _record(room, root, found, Unlock(passphrase_file, passphrase_fd), depth="payloads" if payloads else "records")
    return found.exit


def _tell(found: "Verification", shown: str, page: Path | None, *, as_json: bool) -> None:
    """Give the report about *shown*: as a page, as JSON, or for the terminal."""
    from muniment import __version__, durable
    from muniment.report import document, terminal
    from muniment.report import page as pages
    from muniment.report.words import safe

    if page is not None:
        written = pages.render(found, pages.Occasion(shown, datetime.now(UTC), __version__))
        durable.create(page.absolute(), written.encode(), mode=0o644)
        tell(f"{found.verdict.value.upper()}. The report is in {safe(os.fspath(page))}")
    if as_json:
        click.echo(document.render(found), nl=False)
    elif page is None:
        colour = terminal.coloured(os.environ, terminal=sys.stdout.isatty())
        click.echo(terminal.render(found, archive=shown, colour=colour), nl=False, color=colour)


def _day(at: datetime | None) -> datetime:
    return at.replace(tzinfo=UTC) if at else datetime.now(UTC)


def _record(room: Room, root: Path, found: "Verification", unlock: Unlock, *, depth: str) -> None:
    """Let the check be recorded where the archive wants that: after the fact, verifying itself writes nothing."""
    from muniment.capture import custody
    from muniment.model import Verdict

    outcome = "success" if found.verdict is Verdict.PASS else found.verdict.value
    detail = {"verdict": found.verdict.value, "depth": depth}
    record_by_itself(
        room, root, unlock, lambda archive, keys, now: custody.checked(archive, keys, outcome, detail, now)
    )


def _what(room: Room, path: str | None) -> tuple[Path, str | None]:
    """Return the root that *path* means, and the capture where it means one."""
    from muniment import layout
    from muniment.errors import JobError

    if path is None:
        here = Path.cwd()
        return (here if room.named is None and _is_root(here) else room.root), None
    given = Path(path)
    if not layout.is_capture(given.name):
        if not given.is_dir():
            raise JobError(f"{path}: there is no such folder, and it is no id of a capture")
        if not _is_root(given.absolute()):
            raise JobError(f"{path}: is not an archive: it holds neither archive/ nor manifests/")
        return given.absolute(), None
    if not given.is_dir():
        return room.root, given.name
    root = given.absolute().parents[len(layout.claims(given.name).parts) - 1]
    if given.absolute() not in {root / str(layout.claims(given.name)), root / str(layout.evidence(given.name))}:
        raise JobError(f"{path}: this folder does not lie where a capture of that name lies; name the archive's folder")
    return root, given.name


def _is_root(path: Path) -> bool:
    return (path / "archive").is_dir() or (path / "manifests").is_dir()


def trust_of(room: Room, file: Path | None) -> "Trust":
    """Return the trust in *file*, or the user's own; nobody's, and a word about that, where there is none."""
    from muniment.verify import Trust
    from muniment.verify.trust import read

    own = room.home / "trust.toml"
    if file is None and not own.exists():
        tell("You trust nobody yet, so no signature can be decided: name a file by --trust.")
        return Trust.nobody()
    return read(file or own)


def outside_of(room: Room, root: Path) -> "Outside":
    """Return what this machine knows of logs: their newest checkpoints, and which keys it holds itself."""
    from muniment.capture.archive import opened
    from muniment.capture.stamping import pending
    from muniment.errors import MunimentError
    from muniment.report.words import safe
    from muniment.seal.keys import export
    from muniment.verify import Outside

    known = room.home / "archives"

    def remembered(origin: str) -> bytes | None:
        path = known / origin / "checkpoint"
        return path.read_bytes() if path.is_file() else None

    keyids = set()
    for folder in known.iterdir() if known.is_dir() else ():
        try:
            keyids |= {key.keyid for key in export(folder).values()}
        except MunimentError:
            continue  # a damaged key is the business of `muniment keys`, not of verification
    origins: tuple[str, ...] = ()
    waiting: frozenset[str] = frozenset()
    if (root / "muniment.toml").is_file():
        try:
            archive = opened(root, room.home)
            origins = (archive.origin,)
            waiting = frozenset(origins if pending(archive) else ())
        except MunimentError as wrong:
            tell(f"The archive's settings are not used: {safe(str(wrong))}")
    return Outside(remembered=remembered, origins=origins, host_keys=frozenset(keyids), pending=waiting)

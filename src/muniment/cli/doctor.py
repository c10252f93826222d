"""``muniment doctor``: is this machine fit to capture and to verify, and what is missing."""

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from muniment.cli import Room, echo_json, json_option, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.cli.trial import Seen

__all__ = ["doctor"]

_A_YEAR: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class _Symptom:
    """One thing that was looked at: whether it is fit, what was found, what to do."""

    what: str
    fit: bool
    found: str
    remedy: str = ""


@click.command()
@click.option("--fix", is_flag=True, help="Install the programs that are missing, where that can be done.")
@click.option(
    "--live",
    type=click.Path(path_type=Path),
    metavar="URLS.txt",
    help="Capture each URL of this file, one a line, and say what real sites give; nothing of it is kept.",
)
@json_option
@click.pass_obj
def doctor(room: Room, *, fix: bool, live: Path | None, as_json: bool) -> int:
    """Say what this machine has, what is missing, and the exact line that mends it; then try it on the sample."""
    from muniment.cli import trial

    wanted = trial.lines(live) if live else []
    if fix:
        _fix()
    found: list[_Symptom] = []
    for each in (*_machine(), *_places(room), *_archive(room), *_tried()):
        found.append(each)
        if not as_json:
            _show(each)
    seen = []
    for row in trial.live(wanted) if wanted else ():
        seen.append(row)
        if not as_json:
            _show_seen(row)
    status = 0 if all(each.fit for each in found) else 1
    if as_json:
        document = {"schema": "muniment.doctor/1", "findings": [asdict(each) for each in found], "exit": status}
        echo_json(document | ({"live": [asdict(each) for each in seen]} if wanted else {}))
    return status


def _show(symptom: _Symptom) -> None:
    from muniment.report.words import safe

    click.echo(f"{'fit ' if symptom.fit else 'LACK'}  {symptom.what:<28} {safe(symptom.found)}")
    if not symptom.fit and symptom.remedy:
        click.echo(f"      {'':<28} {safe(symptom.remedy)}")
    sys.stdout.flush()


def _show_seen(seen: "Seen") -> None:
    from muniment.report.words import safe

    asked = f"asked {seen.asked:,}, recorded {seen.recorded:,}" if seen.asked else f"{seen.resources:,} resources"
    lacking = ", ".join(f"{number} {reason}" for reason, number in seen.missing.items()) or "nothing"
    films = f", films {seen.films}" if seen.films else ""
    click.echo(f"\n{safe(seen.url)}")
    click.echo(f"  {seen.verdict:<11} {seen.status or '-':<4} {asked}{films}, missing {lacking}; {seen.seconds:g} s")
    for words in filter(None, (seen.title, seen.detail)):
        click.echo(f"  {'':<11}      {safe(words)[:200]}")
    sys.stdout.flush()


def _tried() -> Iterator[_Symptom]:
    from muniment.cli.trial import self_test

    fit, words = self_test()
    yield _Symptom("self-test on loopback", fit, words, "report it with what `muniment doctor --json` prints")


def _fix() -> None:
    """Install what captures use and this machine lacks, or name the line."""
    there = {"chromium": _has_browser(), "ffmpeg": shutil.which("ffmpeg") is not None}
    lacking = [name for name, found in there.items() if not found]
    if not lacking:
        tell("Nothing has to be installed.")
        return
    if sys.platform == "darwin":
        tell(f"To install what is missing: brew install {' '.join(lacking)}")
        return
    install = ["apt-get", "install", "-y", *lacking]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        tell(f"Only root may install programs. As root: {' '.join(install)}")
        return
    for command in (["apt-get", "update"], install):
        tell(f"$ {' '.join(command)}")
        done = subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdout=2, check=False)
        if done.returncode:
            tell(f"That ended with status {done.returncode}; what it said stands above.")
            return


def _has_browser() -> bool:
    from muniment.fetch.browser.find import find

    return any(each.fit for each in find())


def _browser() -> str:
    """Say which browser captures would be made with, or why none, and the line that installs one."""
    from muniment.fetch.browser.find import find

    looked = find()
    for each in looked:
        if each.fit:
            return f"{each.path}, version {each.version}"
    why = "; ".join(f"{each.path} {each.unfit}" for each in looked) or "none"
    install = "brew install --cask chromium" if sys.platform == "darwin" else "as root: apt-get install -y chromium"
    return f"{why}. Captures are made by the static engine, which runs no script. To have one, {install}"


def _ffmpeg() -> str:
    """Say which ffmpeg puts films together, or what becomes of them without, and the line that installs one."""
    from muniment.fetch.media.mux import ffmpeg

    path, name = ffmpeg()
    if path:
        return f"{path}, {name}"
    install = "brew install ffmpeg" if sys.platform == "darwin" else "as root: apt-get install -y ffmpeg"
    return (
        "none. The parts of a film (pictures, sound) are kept side by side, and its duration, codecs and looks are not "
        f"told. To have one, {install}"
    )


def _pictures() -> str:
    try:
        return f"Pillow {metadata.version('pillow')}"
    except metadata.PackageNotFoundError:
        install = f"{sys.executable} -m pip install 'muniment[media]'"
        return (
            f"no Pillow: pictures are not told by their looks, nor what they say of themselves. To have it, {install}"
        )


def _machine() -> Iterator[_Symptom]:
    yield _Symptom("muniment", fit=True, found=f"{metadata.version('muniment')}, Python {platform.python_version()}")
    yield _Symptom("system", fit=True, found=platform.platform())
    for name in (
        "requests",
        "warcio",
        "sqlite-utils",
        "cryptography",
        "selectolax",
        "isal",
        "brotlicffi",
        "zstandard",
        "yt-dlp",
    ):
        try:
            yield _Symptom(name, fit=True, found=metadata.version(name))
        except metadata.PackageNotFoundError:
            yield _Symptom(name, fit=False, found="is not installed", remedy=f"{sys.executable} -m pip install {name}")
    sqlite_fit = sqlite3.sqlite_version_info >= (3, 37)
    yield _Symptom("SQLite", sqlite_fit, sqlite3.sqlite_version, "the index needs 3.37 or newer: use a newer Python")
    yield _Symptom("browser", fit=True, found=_browser())
    yield _Symptom("ffmpeg (films)", fit=True, found=_ffmpeg())
    yield _Symptom("pictures (media facts)", fit=True, found=_pictures())
    openssl = shutil.which("openssl")
    yield _Symptom("openssl (verify by hand)", fit=True, found=openssl or "none; only docs/verify-by-hand.md needs it")


def _places(room: Room) -> Iterator[_Symptom]:
    import certifi

    home = room.home
    mode = home.stat().st_mode & 0o777 if home.is_dir() else None
    words = f"{home} ({mode:04o})" if mode is not None else f"{home} (made by `muniment init`)"
    yield _Symptom("your own folder", mode is None or not mode & 0o022, words, f"chmod 700 '{home}'")
    store = Path(certifi.where())
    yield _Symptom("root store", store.is_file(), str(store), f"{sys.executable} -m pip install certifi")


def _times(archive: "Archive") -> Iterator[_Symptom]:
    """Say how long the newest tokens last: a year is what it takes to find another authority in time."""
    from muniment.capture.renewal import lapses

    last = lapses(archive)
    if last is None:
        words = "no authority has stamped the log; `muniment stamp` asks one that muniment.toml names under [[tsa]]"
        yield _Symptom("trusted time", fit=True, found=words)
        return
    size, ends = last
    remedy = "muniment renew, with an authority whose certificate lasts longer, before that day"
    words = f"the tokens over the checkpoint of {size:,} leaves lapse on {ends:%Y-%m-%d}"
    yield _Symptom("trusted time", ends - datetime.now(UTC) > _A_YEAR, words, remedy)


def _archive(room: Room) -> Iterator[_Symptom]:
    from muniment import durable, layout
    from muniment.capture.archive import limits
    from muniment.errors import MunimentError
    from muniment.rules import Limits
    from muniment.seal.keys import KeyRole, export
    from muniment.settings import spoken_size

    try:
        archive = room.archive
    except MunimentError as none:
        yield _Symptom("archive", fit=True, found=str(none))
        return
    yield _Symptom("archive", fit=True, found=f"{archive.root}, log {archive.origin}")
    try:
        present = {role.value for role in export(archive.keys)}
        lacking = ", ".join(sorted({role.value for role in KeyRole} - present))
        found = f"{', '.join(sorted(present))} in {archive.keys}" + (f"; lacking: {lacking}" if lacking else "")
        yield _Symptom("keys", not lacking, found, "muniment keys restore FILE brings a key back from a backup")
    except MunimentError as wrong:
        yield _Symptom("keys", fit=False, found=str(wrong), remedy="only verifying and reading work without them")
    yield from _times(archive)
    space, floor = durable.free(archive.root), limits(archive.settings.limits, Limits()).min_free
    remedy = f"make room: a capture does not begin below {spoken_size(floor)} (min-free)"
    yield _Symptom("free space", space >= floor, f"{space // 10**6:,} MB", remedy)
    writable = os.access(archive.root / "archive", os.W_OK) and os.access(archive.root / "manifests", os.W_OK)
    yield _Symptom("archive can be written", writable, "yes" if writable else "no", "only verifying and reading work")
    try:
        with durable.locked(archive.path(layout.archive_lock()), wait=False):
            yield _Symptom("locks", fit=True, found="work on this disk")
    except MunimentError as wrong:
        yield _Symptom("locks", fit=False, found=str(wrong), remedy="wait for it; put archives on a local disk")

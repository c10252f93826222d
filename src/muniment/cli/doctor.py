"""``muniment doctor``: is this machine fit to capture and to verify, and what is missing."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import click

from muniment.cli import Room, echo_json, json_option

__all__ = ["doctor"]


@dataclass(frozen=True, slots=True)
class _Symptom:
    """One thing that was looked at: whether it is fit, what was found, what to do."""

    what: str
    fit: bool
    found: str
    remedy: str = ""


@click.command()
@json_option
@click.pass_obj
def doctor(room: Room, *, as_json: bool) -> int:
    """Say what this machine has, what is missing, and the exact line that mends it."""
    from muniment.report.words import safe

    found = [*_machine(), *_places(room), *_archive(room)]
    status = 0 if all(each.fit for each in found) else 1
    if as_json:
        echo_json({"schema": "muniment.doctor/1", "findings": [asdict(each) for each in found], "exit": status})
        return status
    for each in found:
        click.echo(f"{'fit ' if each.fit else 'LACK'}  {each.what:<28} {safe(each.found)}")
        if not each.fit and each.remedy:
            click.echo(f"      {'':<28} {safe(each.remedy)}")
    return status


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
    return f"none. The parts of a film (pictures, sound) are kept side by side. To have one, {install}"


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

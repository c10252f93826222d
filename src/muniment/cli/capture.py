"""``muniment capture``: one URL with everything it rests on, sealed and logged."""

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muniment.cli import Room, echo_json, json_option, passphrase_options, tell

if TYPE_CHECKING:
    from muniment.capture.archive import Archive
    from muniment.fetch.browser.find import Candidate
    from muniment.model import Exchange, Role
    from muniment.rules import Rules

__all__ = ["capture"]

_ENTRUSTED = """\
Look twice: this capture may use an account of yours. What is sent with it, cookies and passwords, is sealed for good;
whoever receives these records can use it as long as it is valid. Log out of the site's sessions when you are done. The
records that hold such things are listed in context.json, under credentials, so that they can be held back."""
_CLOCK = 10.0
"""Seconds by which a clock may be off before its owner is told."""
_LIMITS = (
    ("max-time", "15m", "stop after this long"),
    ("max-bytes", "5GiB", "stop after this much was received"),
    ("max-resources", "2000", "fetch no more URLs than this"),
    ("max-resource-bytes", "2GiB", "cut a resource at this size"),
    ("max-resource-time", "5m", "cut a resource after this long"),
    ("idle-timeout", "30s", "give up on a silent server after this long"),
    ("max-redirects", "10", "follow no more redirects than this"),
    ("per-host", "4", "open no more connections to one host than this"),
    ("delay", "0.2s", "wait this long between two requests to one host"),
    ("min-free", "256MiB", "pause while the archive's disk would be left with less than this"),
)


def _limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, default, words in reversed(_LIMITS):
        kind = int if default.isdigit() else str
        command = click.option(f"--{name}", type=kind, help=f"{words[0].upper()}{words[1:]} [default: {default}].")(
            command
        )
    return command


@click.command()
@click.argument("url")
@click.option(
    "--engine",
    type=click.Choice(["auto", "browser", "static"]),
    default="auto",
    show_default=True,
    help="browser is a real one, Chromium; static fetches what the page and its styles name and runs no script; auto "
    "takes the browser where there is one.",
)
@click.option("--consent", type=click.Choice(["reject", "accept", "nothing"]), help="What is said to consent walls.")
@click.option("--wire", type=click.Choice(["http1"]), help="Let the browser speak HTTP/1.1 only, kept as it crossed.")
@click.option(
    "--video",
    type=click.Choice(["best", "none"]),
    default="best",
    show_default=True,
    help="Get films that come in pieces whole, by yt-dlp; or only what the page itself asks for.",
)
@click.option("--max-height", type=click.IntRange(1), metavar="PIXELS", help="Take a film no higher than this.")
@click.option("--cookies", type=click.Path(path_type=Path), metavar="FILE", help="Send these cookies (cookies.txt).")
@click.option(
    "--profile",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Use this folder as the browser's profile, with the logins in it; --interactive makes a new one.",
)
@click.option("--interactive", is_flag=True, help="Act in the page yourself, in a window, before it is captured.")
@click.option("--cited", type=click.IntRange(0, 5), help="Follow links of the article's body this many hops.")
@click.option("--allow-net", multiple=True, metavar="CIDR", help="Open a private address range; recorded.")
@click.option("--resolve", multiple=True, metavar="HOST=ADDRESS[:PORT]", help="Answer a name without DNS; recorded.")
@click.option("--no-dns", is_flag=True, help="Refuse every name outside --resolve, without sending anything.")
@click.option("--tls", type=click.Choice(["record", "strict"]), help="What becomes of an unverified server.")
@click.option("--ca-file", multiple=True, type=click.Path(path_type=Path), help="Trust these authorities too.")
@click.option("--user-agent", help="How muniment names itself to servers.")
@_limit_options
@passphrase_options
@click.option("--quiet", "-q", is_flag=True, help="Print no progress.")
@json_option
@click.pass_obj
def capture(room: Room, /, url: str, *, quiet: bool, as_json: bool, **options: Any) -> int:
    """Capture URL with everything it rests on: images, styles, media, embedded pages, and with --cited its sources."""
    from muniment.capture import commit, stamping
    from muniment.capture.recovery import left_open
    from muniment.cli import read_passphrase
    from muniment.cli.hand import Hand
    from muniment.cli.log import tell_checkpoint
    from muniment.cli.recover import recovered
    from muniment.cli.stamp import ahead, believed
    from muniment.message.url import spoken
    from muniment.report.words import safe
    from muniment.seal.keys import is_locked

    seed = _seed(url)
    if (host := spoken(seed.host)) != seed.host:
        tell(f"Look twice at the host: {safe(host)}")
    archive = room.archive
    by_hand = options["interactive"] or options["profile"]
    browser = _browser("browser" if by_hand and options["engine"] == "auto" else options["engine"], quiet=quiet)
    rules = _rules(archive, options, "browser" if browser else "static")
    if rules.entrusted:
        tell(_ENTRUSTED)
    held = commit.signers(
        archive,
        read_passphrase(
            options["passphrase_file"],
            options["passphrase_fd"],
            needed=is_locked(archive.keys),
            what="The passphrase of the archive's keys",
        ),
    )
    for each in recovered(archive, held, left_open(archive.root)):
        tell(f"Recovered {each.capture}, which was cut short before: {each.detail}.")
    stop = threading.Event()
    signal.signal(signal.SIGINT, _Interruption(stop))
    signal.signal(signal.SIGTERM, _Interruption(stop))
    hand = Hand() if rules.interactive else None
    desk = commit.Desk(archive, held, rules, commit.Clock(), browser, hand)
    done = commit.capture(seed, desk, stop=stop, said=_quiet if quiet else _progress, told=_told)
    believed(room, archive, stamping.authorities(archive))
    for stamped in done.stamped:
        if stamped.pending:
            tell(f"Not stamped by {safe(stamped.authority)}: {safe(stamped.pending)}. `muniment stamp` asks again.")
        elif abs(off := ahead(stamped) or 0.0) > _CLOCK:
            tell(f"Set this machine's clock: {safe(stamped.authority)} is {off:+.0f} s away from it.")
    status = _account(archive, done.id, as_json=as_json)
    tell_checkpoint(archive)
    return status


class _Interruption:
    """What Ctrl-C does: once, seal what there is as interrupted; twice, stop at once and leave the capture open."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def __call__(self, *_: object) -> None:
        import os

        if self._stop.is_set():
            os.write(2, b"\nStopped at once. What was not sealed yet stays as it is; `muniment recover` seals it.\n")
            os._exit(130)
        self._stop.set()
        os.write(2, b"\nInterrupted: finishing what is on its way, then sealing it. Press Ctrl-C again to stop now.\n")


def _seed(url: str) -> Any:
    from muniment.errors import FormatError, JobError
    from muniment.message.url import Url

    try:
        seed = Url.parse(url)
    except FormatError as wrong:
        raise JobError(f"This URL cannot be captured: {wrong}. Copy it whole from the browser, with https://") from None
    if seed.scheme not in {"http", "https"}:
        raise JobError(f"{url}: only http and https can be captured, not {seed.scheme}")
    return seed


def _rules(archive: "Archive", options: dict[str, Any], engine: str) -> "Rules":
    from muniment.capture.archive import LimitsTable, limits
    from muniment.errors import JobError
    from muniment.rules import Limits, Rules

    chosen = archive.settings.capture
    flags = LimitsTable(**{name.replace("-", "_"): options[name.replace("-", "_")] for name, _, _ in _LIMITS})
    ca_files = [*(chosen.ca_file or ()), *map(str, options["ca_file"])]
    for each in ca_files:
        if not Path(each).is_file():
            raise JobError(f"{each}: there is no such file of certificate authorities (--ca-file, PEM)")
    agent = options["user_agent"] or chosen.user_agent or ""
    if not agent.isprintable():
        raise JobError(f"--user-agent {agent!r}: holds a line end or another character that no request may carry")
    return Rules(
        engine=engine,
        **_accounts(archive, options, engine),
        cited=options["cited"] if options["cited"] is not None else chosen.cited or 0,
        limits=limits(flags, limits(archive.settings.limits, Limits())),
        allow_net=options["allow_net"],
        resolve=options["resolve"],
        dns=not options["no_dns"],
        tls=options["tls"] or chosen.tls or "record",
        ca_files=tuple(str(Path(each).absolute()) for each in ca_files),
        user_agent=agent,
        consent=options["consent"] or "reject",
        wire=options["wire"] or "",
        video=options["video"],
        max_height=options["max_height"],
    )


def _accounts(archive: "Archive", options: dict[str, Any], engine: str) -> dict[str, Any]:
    """Return by what a capture may use accounts of the archivist's own; JobError where that cannot be."""
    from muniment.cli.hand import lacking
    from muniment.errors import JobError

    cookies, profile, interactive = options["cookies"], options["profile"], options["interactive"]
    if engine != "browser" and (profile or interactive):
        raise JobError("--profile and --interactive need the browser: leave --engine static out")
    if interactive and (why := lacking()):
        raise JobError(f"--interactive cannot be used here: {why}")
    if profile:
        profile = profile.absolute()
        if profile.resolve().is_relative_to(archive.root.resolve()):
            raise JobError(
                f"{profile}: a profile holds logins, and must not lie in the archive, which travels (--profile)"
            )
        if not profile.is_dir() and not interactive:
            raise JobError(f"{profile}: there is no such profile. With --interactive one is made, and you log in there")
        if (profile / "SingletonLock").is_symlink():
            raise JobError(
                f"{profile}: a browser uses this profile. Close it; where none is open, one crashed: remove the file "
                f"{profile / 'SingletonLock'}, and try again"
            )
    return {"cookies": str(cookies or ""), "profile": str(profile or ""), "interactive": interactive}


def _browser(engine: str, *, quiet: bool) -> "Candidate | None":
    """Return the browser that is used, and say so where nobody named an engine; JobError where there is none."""
    from muniment.errors import JobError
    from muniment.fetch.browser.find import find

    if engine == "static":
        return None
    looked = find()
    found = next((each for each in looked if each.fit), None)
    if found is None and engine == "browser":
        why = "; ".join(f"{each.path} {each.unfit}" for each in looked) or "none is installed"
        raise JobError(
            f"There is no browser that can be used: {why}. `muniment doctor` names the line that installs one"
        )
    if not quiet and found is None:
        tell("Engine: static. It runs no script; what a page loads by script is not asked for.")
    elif not quiet and found is not None and engine == "auto":
        tell(f"Engine: browser ({found.path}, version {found.version}).")
    return found


def _quiet(_exchange: "Exchange", _role: "Role") -> None:
    """Say nothing."""


def _told(sentence: str) -> None:
    from muniment.report.words import safe

    tell(safe(sentence))


def _progress(exchange: "Exchange", role: "Role") -> None:
    from muniment.report.words import safe

    outcome = str(exchange.status) if exchange.status else exchange.reason.value
    flag = "" if exchange.connection is None or exchange.connection.tls in {"ok", "none"} else "  TLS not verified"
    cut = f"  cut ({exchange.truncated})" if exchange.truncated else ""
    size = f"{exchange.response_size:>12,}" if exchange.response is not None else " " * 12
    tell(f"{outcome:>8.8} {size} {role:<9} {safe(exchange.url)}{cut}{flag}")


def _account(archive: "Archive", capture_id: str, *, as_json: bool) -> int:
    """Put the capture into the index, then say what it amounts to; the index may fail without harm."""
    from muniment import catalogue
    from muniment.errors import MunimentError
    from muniment.report.words import safe

    claims = catalogue.read(archive.root, capture_id)
    try:
        problems = catalogue.add(archive.root, capture_id, claims)
    except MunimentError as failure:
        problems = (f"the capture is committed, but not in the index: {failure}; run `muniment index rebuild`",)
    for problem in problems:
        tell(f"Index: {safe(problem)}")
    document = catalogue.account(archive.root, capture_id, claims)
    if as_json:
        echo_json(document)
    else:
        from muniment.cli.listing import print_account

        print_account(document)
    sys.stdout.flush()
    return int(document["exit"])

"""Where the program begins and every error becomes one sentence and an exit status (DESIGN.md section 9)."""

import sys
import traceback
from typing import NoReturn

import click

from muniment.cli import muniment
from muniment.errors import (
    ArchiveLocked,
    FetchError,
    FormatError,
    IntegrityError,
    JobError,
    MunimentError,
    StoreError,
    TrustError,
)
from muniment.report.words import safe

__all__ = ["main"]

_EXITS: tuple[tuple[type[MunimentError], int], ...] = (
    (ArchiveLocked, 75),
    (StoreError, 74),
    (JobError, 2),
    (TrustError, 4),
    (IntegrityError, 1),
    (FormatError, 1),
    (FetchError, 69),
)


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        status = muniment.main(prog_name="muniment", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("\nStopped.", err=True)
        sys.exit(130)
    except SystemExit as ended:
        # click ends so, with 1, when whoever read our output has gone; that is no finding. 141 is what the shell calls
        # a process that SIGPIPE ended.
        sys.exit(141 if type(sys.stdout).__name__.endswith("PacifyFlushWrapper") else ended.code)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except MunimentError as failure:
        click.echo(f"muniment: {safe(str(failure))}", err=True)
        sys.exit(next((status for kind, status in _EXITS if isinstance(failure, kind)), 70))
    except OSError as failure:
        click.echo(f"muniment: {safe(str(failure))}", err=True)
        sys.exit(74)
    except KeyboardInterrupt:
        click.echo("\nStopped.", err=True)
        sys.exit(130)
    except Exception as bug:  # noqa: BLE001 - the one place: a bug of ours must not look like damaged evidence
        for line in "".join(traceback.format_exception(bug)).splitlines():
            click.echo(safe(line), err=True)
        click.echo(
            "muniment: this is a bug in muniment, not in what you asked for. Nothing that was committed is lost.\n"
            "Please report it with the lines above and the output of `muniment doctor --json`.",
            err=True,
        )
        sys.exit(70)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()

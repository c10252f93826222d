"""The HTML report opened in a real browser: hostile text runs nothing and asks nobody, even if an escape were lost."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from muniment.model import Check, Finding, Verdict
from muniment.report import page
from muniment.verification import Verification

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-component-update", "--disable-sync",
    "--disable-background-networking", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which is not installed here")


@contextmanager
def canary() -> Iterator[tuple[int, list[str]]]:
    """Serve on loopback; give the port, and the list of paths that anybody asked for."""
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Canary) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def hostile(port: int) -> str:
    """Return markup that would set the title and call the canary in many ways."""
    home = f"http://127.0.0.1:{port}"
    return (
        f"\"'></code></title></style><script>document.title='OWNED';fetch('{home}/fetch')</script>"
        f"<img src={home}/img onerror=\"document.title='OWNED'\"><iframe src={home}/frame></iframe>"
        f"<link rel=stylesheet href={home}/css><style>body{{background:url({home}/background)}}</style>"
        f"<meta http-equiv=refresh content='0;url={home}/refresh'><svg onload=\"document.title='OWNED'\">"
    )


def rendered(port: int) -> str:
    text = hostile(port)
    findings = tuple(Finding(Check.RECORD, text, verdict, text, text, text) for verdict in Verdict)
    said = Verification(Verdict.FAIL, text, findings, {"captures": 1}, (text,), (text,), (text,))
    return page.render(said, page.Occasion(text, datetime(2026, 1, 1, tzinfo=UTC), text))


def opened(html: str, folder: Path) -> str:
    """Open *html* in the browser and return the document as it is after everything ran."""
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000"]
    done = subprocess.run(
        [*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_the_canary_sings_for_a_page_without_defences(tmp_path: Path) -> None:
    with canary() as (port, asked):
        shown = opened(f"<!DOCTYPE html><title>plain</title><p>{hostile(port)}", tmp_path)
    assert "OWNED" in shown.split("</title>")[0]
    assert asked


def test_hostile_text_in_a_report_runs_nothing_and_asks_nobody(tmp_path: Path) -> None:
    with canary() as (port, asked):
        shown = opened(rendered(port), tmp_path)
    assert shown.split("</title>")[0].split("<title>")[1].startswith("FAIL: ")
    assert asked == []


def test_the_pages_own_policy_holds_where_an_escape_was_lost(tmp_path: Path) -> None:
    with canary() as (port, asked):
        active = hostile(port).replace("http-equiv=refresh", "name=refresh")  # no policy of a page stops its refresh
        shown = opened(rendered(port).replace("<footer>", f"{active}<footer>"), tmp_path)
    assert shown.split("</title>")[0].split("<title>")[1].startswith("FAIL: ")
    assert asked == []

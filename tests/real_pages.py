"""Capture real pages, served on loopback under their own names; runs only where loopback is all there is."""

import json
import socketserver
import ssl
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trustme
from warcio.archiveiterator import ArchiveIterator

from conftest import make_archive, make_desk
from muniment import layout, manifest
from muniment.capture import commit
from muniment.message.url import Url
from muniment.model import Kind, Reason
from muniment.rules import Limits, Rules
from muniment.warc import metadata


class PageServer(socketserver.ThreadingTCPServer):
    """Answers each page's own URL with the page, anything else with 404, and keeps what it sent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, pages: dict[tuple[str, str], bytes], context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), PageAnswer)
        self.pages, self.context = pages, context
        self.sent: Counter[bytes] = Counter()
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self) -> Any:
        connection, peer = super().get_request()
        connection.settimeout(30)
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave."""


class PageAnswer(socketserver.StreamRequestHandler):
    """One connection: requests until the client leaves."""

    server: PageServer

    def handle(self) -> None:
        while line := self.rfile.readline():
            fields: dict[str, str] = {}
            while (field := self.rfile.readline()) not in (b"\r\n", b"\n", b""):
                name, _, value = field.decode("latin-1").partition(":")
                fields[name.lower()] = value.strip()
            target = line.split(b" ")[1].decode("latin-1")
            page = self.server.pages.get((fields.get("host", "").partition(":")[0], target))
            status, body = ("200 OK", page) if page is not None else ("404 Not Found", b"no such page\n")
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            with self.server.lock:
                self.server.sent[head + body] += 1
            self.wfile.write(head + body)
            self.wfile.flush()


def main(corpus: Path, folder: Path) -> None:
    expected = json.loads((corpus / "expected.json").read_text(encoding="utf-8"))
    # Two of the pages come without an address of their own; they get one that exists nowhere.
    expected = {
        url if "://" in url else f"https://pages.example/{known['file']}": known for url, known in expected.items()
    }
    pages = {}
    for url, known in expected.items():
        parsed = Url.parse(url)
        pages[parsed.host, parsed.target] = (corpus / "pages" / known["file"]).read_bytes()
    hosts = sorted({host for host, _ in pages})
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts).configure_cert(context)
    folder.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    servers = {"http": PageServer(pages, None), "https": PageServer(pages, context)}
    archive = make_archive(folder)
    captured = []
    for url in expected:
        port = servers[urlsplit(url).scheme].server_address[1]
        rules = Rules(
            limits=Limits(delay=0, max_redirects=3),
            allow_net=("127.0.0.0/8",),
            resolve=tuple(f"{host}=127.0.0.1:{port}" for host in hosts),
            dns=False,
            ca_files=(str(folder / "ca.pem"),),
        )
        desk = make_desk(archive, rules)
        captured.append((url, commit.capture(Url.parse(url), desk, stop=threading.Event(), said=lambda *_: None).id))
    kept: Counter[bytes] = Counter()
    problems = []
    for url, capture_id in captured:
        problems += [f"{url}: {each}" for each in account(archive.root, capture_id, set(hosts), kept)]
    sent = servers["http"].sent + servers["https"].sent
    if sent != kept:
        problems.append(
            f"served and not kept: {sum((sent - kept).values())}, the other way: {sum((kept - sent).values())}"
        )
    sys.stdout.write(json.dumps({"captures": len(captured), "served": sum(sent.values()), "problems": problems[:50]}))


def account(root: Path, capture_id: str, hosts: set[str], kept: Counter[bytes]) -> list[str]:
    """Count what is kept of one capture, and name what is wanted and neither kept nor a recorded failure."""
    for path in (root / str(layout.evidence(capture_id))).iterdir():
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream, no_record_parse=True):
                if record.rec_type == "response":
                    kept[record.raw_stream.read()] += 1
    path = root / str(layout.manifest(capture_id))
    first, *rest = path.read_bytes().splitlines()
    lines = [manifest.decode_record(line, path) for line in rest]
    wanted = set()
    with (root / str(layout.evidence(capture_id)) / f"{capture_id}-00000.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, no_record_parse=True):
            content = record.raw_stream.read()
            if record.rec_type == "metadata" and b'"type":"links"' in content:
                links = metadata.decode(content, "w")["links"]
                wanted |= {each["url"] for each in links if each["kind"] in ("requisite", "embed")}
    told = {line.url: line for line in lines if line.kind in {Kind.RESPONSE, Kind.ATTEMPT}}
    problems = [f"{url}: wanted, neither kept nor a failure" for url in wanted - set(told)]
    problems += [
        f"{line.url}: a name that was not served has an answer"
        for line in told.values()
        if line.outcome is Reason.OK and Url.parse(line.url).host not in hosts
    ]
    if manifest.decode_description(first, path).asked != len(told):
        problems.append("asked is not the number of URLs in the manifest")
    return problems


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

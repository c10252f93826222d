"""Connections with real evidence of real handshakes, for captures made without a network, and what is said of them."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

import archives
from archives import Made
from muniment import canonical, durable, layout, manifest
from muniment.model import Connection, Exchange, Finding, Kind, Record
from muniment.tls import evidence
from muniment.verify.checks import Depth, Findings, Outside, Scope
from muniment.verify.handshakes import Handshakes, Said
from muniment.verify.trust import Trust
from muniment.warc import metadata, reader
from tls_streams import Identity, contexts, decoded, identity, talk

__all__ = ["TLS12", "TLS13", "Document", "Site", "Told", "judged", "over", "records"]

Document = dict[str, Any]
Told = list[tuple[Record, Document | None]]
TLS12 = ssl.TLSVersion.TLSv1_2
TLS13 = ssl.TLSVersion.TLSv1_3


@dataclass(frozen=True)
class Site:
    """A server for *hosts*; *folder* is its own."""

    who: Identity
    folder: Path

    @classmethod
    def of(cls, folder: Path, *hosts: str) -> "Site":
        return cls(identity(folder, ec.generate_private_key(ec.SECP256R1()), *hosts), folder)

    def connection(
        self,
        number: str,
        host: str,
        version: ssl.TLSVersion = TLS13,
        *,
        ciphers: str = "",
        resumed: bool = False,
    ) -> Connection:
        """Return a verified connection to *host*, called *number*, with the evidence of a handshake of its own."""
        client, server = contexts(self.who, self.folder, version, ciphers)
        session = talk(client, server, name=host).session if resumed else None
        passive, _ = decoded(talk(client, server, session=session, name=host))
        facts, found = passive.handshake, evidence.of(passive)
        assert found is not None
        return Connection(
            id=number,
            host=host,
            address="127.0.0.7",
            port=443,
            opened=datetime(2024, 12, 10, 9, 30, 13, 250, tzinfo=UTC),
            look=None,
            tls="ok",
            tls_version=facts.version,
            cipher=facts.cipher,
            alpn=facts.alpn,
            chain=facts.chain,
            evidence=evidence.encode(found),
        )


def over(made: Connection, path: str = "/", host: str = "") -> Exchange:
    """Return an exchange over *made* that was answered 200; *host* where it is another than the connection's."""
    return replace(archives.exchange(f"https://{host or made.host}{path}", b"<p>Something."), connection=made)


def records(made: Made) -> Told:
    """Return every line with what its record says, where that is a metadata record."""
    found: Told = []
    raw = made.path(layout.manifest(made.captures[0])).read_bytes().splitlines()[1:]
    with durable.opened(made.warc()) as stream:
        for line in (manifest.decode_record(each, "line") for each in raw):
            held = bytearray()
            place = line.position
            reader.record_at(stream, place.offset, place.length, file="w", into=lambda _, held=held: held.extend)
            told = metadata.decode(bytes(held), "w") if line.kind in {Kind.METADATA, Kind.ATTEMPT} else None
            found.append((line, told))
    return found


def judged(told: Iterable[tuple[Record, Document | None]], findings: Findings | None = None) -> list[Finding]:
    """Return what the check says of records that somebody sealed as they are in *told*."""
    scope = Scope(Path(), Trust.nobody(), Outside(), Depth.RECORDS, findings or Findings())
    before = len(scope.findings.made)
    check = Handshakes(scope, "manifest.jsonl")
    for line, said in told:
        held = Said()
        held.write(canonical.encode(said) if said is not None else b"")
        check.take(line, held, f"w at {line.n}")
    check.finish()
    return scope.findings.made[before:]

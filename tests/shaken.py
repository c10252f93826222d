"""Connections with real evidence of real handshakes, for captures that are made without a network."""

import ssl
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

import archives
from muniment.model import Connection, Exchange
from muniment.tls import evidence
from tls_streams import Identity, contexts, decoded, identity, talk

__all__ = ["TLS12", "TLS13", "Site"]

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

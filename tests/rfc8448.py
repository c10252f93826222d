"""Traces that RFC 8448 prints: what crossed the wire, and the secrets. A wrong octet in them does not decrypt."""

import json
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAYLOAD", "RESUMED", "RETRIED", "SIMPLE", "Trace"]

PAYLOAD = bytes(range(50))


@dataclass(frozen=True)
class Trace:
    """One connection: records in the order of each direction, and the secrets by their labels in a key log."""

    section: str
    client: list[str]
    server: list[str]
    secrets: dict[str, str]

    @property
    def streams(self) -> tuple[bytes, bytes]:
        return bytes.fromhex("".join(self.client)), bytes.fromhex("".join(self.server))

    @property
    def key_log(self) -> bytes:
        random = self.client[0][22:86]
        return "".join(f"{label} {random} {secret}\n" for label, secret in self.secrets.items()).encode()


_TRACES = json.loads((Path(__file__).parent / "vectors" / "rfc8448.json").read_text(encoding="utf-8"))
SIMPLE = Trace(**_TRACES["simple"])
RESUMED = Trace(**_TRACES["resumed"])
RETRIED = Trace(**_TRACES["retried"])

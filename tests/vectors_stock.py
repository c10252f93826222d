"""What the attack corpus is made from: a small sound archive, packets and pieces of it, and a stranger's."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import attacks_on_archives  # noqa: F401 - each enters its attacks
import attacks_on_packets  # noqa: F401
import attacks_on_pieces  # noqa: F401
from archives import Made, archive, begun, captured
from attack import EVIDENCE, Bench
from muniment import layout
from muniment.log.journal import Journal
from packets import packet


@dataclass(frozen=True)
class Stock(Made):
    """A sound archive of two captures, and what attackers take from."""

    stranger: Made
    twin: Made
    before: Made
    other_packet: Path
    stranger_packet: Path


def stocked(base: Path) -> Stock:
    """Return the stock, made below *base*."""
    first = captured(begun(base), "a")
    before = first.copied(base / "before")
    made = captured(first, "b")
    shutil.copytree(made.home, base / "twin-home")
    twin = captured(replace(made.copied(base / "twin"), home=base / "twin-home"), "c")
    (base / "stranger").mkdir()
    stranger = archive(base / "stranger", "a")
    return Stock(
        **{name: getattr(made, name) for name in ("root", "home", "captures")},
        stranger=stranger,
        twin=replace(twin, captures=twin.captures[2:]),
        before=before,
        other_packet=packet(made, base / "other-packet", 7, 8, 3, capture=1),
        stranger_packet=packet(stranger, base / "stranger-packet", 7, 8, 3),
    )


def bench(stock: Stock, kind: str, place: Path) -> Bench:
    """Return a bench below *place* for an attack on a *kind* of thing."""
    place.mkdir(parents=True)
    evidence = place / EVIDENCE
    if kind == "archive":
        stock.copied(evidence)
        shutil.rmtree(evidence / "work")
    elif kind == "packet":
        packet(stock, evidence, 7, 8, 3)
    else:
        evidence.mkdir()
        _piece(stock, kind, evidence)
    trust = place / "trust.toml"
    shutil.copy(stock.home / "trust.toml", trust)
    return Bench(evidence, trust, place / "old-checkpoint", stock)


def _piece(stock: Stock, kind: str, folder: Path) -> None:
    journal = Journal(stock.root, stock.origin)
    if kind == "note":
        (folder / "checkpoint").write_bytes(journal.newest())
    elif kind == "envelope":
        (folder / "statement.dsse.json").write_bytes(stock.path(layout.statement(stock.captures[0])).read_bytes())
    elif kind == "proof":
        (folder / "statement.tlog-proof").write_bytes(journal.prove(1).encode())
        (folder / "leaf").write_bytes(journal.leaf(1))

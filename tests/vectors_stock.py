"""What the attack corpus is made from: a small sound archive, packets and pieces of it, and a stranger's."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import attacks_on_archives  # noqa: F401 - each enters its attacks
import attacks_on_custody  # noqa: F401
import attacks_on_packets  # noqa: F401
import attacks_on_pieces  # noqa: F401
import attacks_on_testimony
from archives import Made, archive, begun, captured
from attack import EVIDENCE, Bench
from authorities import Tsa, new_tsa
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
    attested: Made
    tsa: Tsa


def stocked(base: Path) -> Stock:
    """Return the stock, made below *base*."""
    first = captured(begun(base), "a")
    before = first.copied(base / "before")
    made = captured(first, "b")
    shutil.copytree(made.home, base / "twin-home")
    twin = captured(replace(made.copied(base / "twin"), home=base / "twin-home"), "c")
    (base / "stranger").mkdir()
    (base / "attested").mkdir()
    tsa = new_tsa(base / "tsa", "Alpha", "rsa", intermediate=True)
    stranger = archive(base / "stranger", "a")
    return Stock(
        **{name: getattr(made, name) for name in ("root", "home", "captures")},
        stranger=stranger,
        twin=replace(twin, captures=twin.captures[2:]),
        before=before,
        other_packet=packet(made, base / "other-packet", 7, 8, 3, capture=1),
        stranger_packet=packet(stranger, base / "stranger-packet", 7, 8, 3),
        attested=attacks_on_testimony.attested(base / "attested", tsa),
        tsa=tsa,
    )


def bench(stock: Stock, kind: str, place: Path) -> Bench:
    """Return a bench below *place* for an attack on a *kind* of thing."""
    place.mkdir(parents=True)
    evidence = place / EVIDENCE
    trust = place / "trust.toml"
    shutil.copy(stock.home / "trust.toml", trust)
    if kind in {"archive", "attested"}:
        (stock if kind == "archive" else stock.attested).copied(evidence)
        shutil.rmtree(evidence / "work")
    elif kind == "packet":
        packet(stock, evidence, 7, 8, 3)
    else:
        evidence.mkdir()
        _piece(stock, kind, evidence)
    if kind == "attested":
        trust.write_text(attacks_on_testimony.trusting(stock.attested, stock.tsa), encoding="utf-8")
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

"""The log: an append-only Merkle tree of sealed statements, in the formats of C2SP (tlog-tiles, tlog-checkpoint).

``tree`` and ``note`` are pure arithmetic and text, ``leaf`` says what is logged, ``journal`` appends to a log on disk
and reads it, ``audit`` derives everything again and compares.
"""

from muniment.log.audit import Audited, audit
from muniment.log.journal import Appended, Journal, Pending, Steady
from muniment.log.leaf import Leaf, LeafType
from muniment.log.note import Checkpoint, VerifierKey, open_checkpoint

__all__ = [
    "Appended",
    "Audited",
    "Checkpoint",
    "Journal",
    "Leaf",
    "LeafType",
    "Pending",
    "Steady",
    "VerifierKey",
    "audit",
    "open_checkpoint",
]

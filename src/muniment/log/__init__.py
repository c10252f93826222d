"""The log: an append-only Merkle tree of sealed statements, in the formats of C2SP (tlog-tiles, tlog-checkpoint).

``tree``, ``note``, ``proof`` and ``cosignature`` are pure arithmetic and text, ``leaf`` says what is logged, ``stored``
reads a log on disk, ``journal`` appends to it, ``audit`` derives everything again and compares.
"""

from muniment.log.audit import Audited, audit
from muniment.log.journal import Appended, Journal, Pending, Steady
from muniment.log.leaf import Leaf, LeafType
from muniment.log.note import Checkpoint, VerifierKey, open_checkpoint
from muniment.log.proof import Proof

__all__ = [
    "Appended",
    "Audited",
    "Checkpoint",
    "Journal",
    "Leaf",
    "LeafType",
    "Pending",
    "Proof",
    "Steady",
    "VerifierKey",
    "audit",
    "open_checkpoint",
]

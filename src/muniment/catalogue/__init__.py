"""The catalogue: what was captured, told from manifests, metadata records and log; never the other way round.

``account`` is the document about one capture, ``extract`` takes payloads out of it; ``add`` and ``rebuild`` bring it
into the index, which ``consulted`` opens for questions and ``check`` holds against the evidence. Who needs both reads
the capture's claims once, by ``read``.
"""

from muniment.catalogue.account import account
from muniment.catalogue.anchors import Anchors, anchors
from muniment.catalogue.claims import Claims, last_words, read
from muniment.catalogue.payloads import Choice, Extracted, extract
from muniment.catalogue.renewal import Checked, Rebuilt, add, catalogue, check, consulted, rebuild, unlisted

__all__ = [
    "Anchors",
    "Checked",
    "Choice",
    "Claims",
    "Extracted",
    "Rebuilt",
    "account",
    "add",
    "anchors",
    "catalogue",
    "check",
    "consulted",
    "extract",
    "last_words",
    "read",
    "rebuild",
    "unlisted",
]

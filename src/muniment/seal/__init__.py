"""The seal: signature envelopes (DSSE) around statements, and the keys that make and check them.

``dsse`` and ``signing`` are pure; ``keys`` is the one place that reads and writes private keys.
"""

from muniment.seal.dsse import Opened, open, pae, seal, unverified_payload  # noqa: A004 - "seal.open" is the word
from muniment.seal.signing import Algorithm, PublicKey, Signer, SigningKey

__all__ = [
    "Algorithm",
    "Opened",
    "PublicKey",
    "Signer",
    "SigningKey",
    "open",
    "pae",
    "seal",
    "unverified_payload",
]

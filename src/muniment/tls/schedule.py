"""The key schedules: HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7), the PRF of TLS 1.2 (RFC 5246 section 5)."""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

from muniment.tls.handshake import is_retry

__all__ = ["expand_label", "finished12", "finished13", "hash_size", "prf", "transcript", "updated"]

_MESSAGE_HASH: Final = b"\xfe\0\0"  # type 254 and the first two octets of its length


def hash_size(hash_name: str) -> int:
    """Return how many octets the hash *hash_name* gives."""
    return hashlib.new(hash_name).digest_size


def expand_label(secret: bytes, label: str, size: int, hash_name: str) -> bytes:
    """Return HKDF-Expand-Label(*secret*, *label*, "", *size*) of RFC 8446 7.1."""
    full = b"tls13 " + label.encode()
    context = size.to_bytes(2, "big") + bytes([len(full)]) + full + b"\0"
    # RFC 5869 2.3; written here because `cryptography` takes a new object for each of these few octets.
    found = block = b""
    for counter in range(1, -(-size // hash_size(hash_name)) + 1):
        block = hmac.digest(secret, block + context + bytes([counter]), hash_name)
        found += block
    return found[:size]


def updated(secret: bytes, hash_name: str) -> bytes:
    """Return the traffic secret that follows *secret* after a KeyUpdate (RFC 8446 7.2)."""
    return expand_label(secret, "traffic upd", hash_size(hash_name), hash_name)


def finished13(secret: bytes, messages: Sequence[bytes], hash_name: str) -> bytes:
    """Return the verify_data of a Finished that follows *messages* under the traffic secret *secret*.

    RFC 8446 4.4.4.
    """
    key = expand_label(secret, "finished", hash_size(hash_name), hash_name)
    return hmac.digest(key, transcript(messages, hash_name), hash_name)


def transcript(messages: Sequence[bytes], hash_name: str) -> bytes:
    """Return the hash over the handshake *messages* in their order, each with its header (RFC 8446 4.4.1).

    Where the second is a HelloRetryRequest, the first counts as the synthetic message that holds its hash.
    """
    state = hashlib.new(hash_name)
    if len(messages) > 1 and is_retry(messages[1]):
        first = hashlib.new(hash_name, messages[0]).digest()
        state.update(_MESSAGE_HASH + bytes([len(first)]) + first)
        messages = messages[1:]
    for message in messages:
        state.update(message)
    return state.digest()


def prf(secret: bytes, label: bytes, seed: bytes, size: int, hash_name: str) -> bytes:
    """Return *size* octets of TLS 1.2's PRF (RFC 5246 5)."""
    seed = label + seed
    found = b""
    link = seed
    while len(found) < size:
        link = hmac.digest(secret, link, hash_name)
        found += hmac.digest(secret, link + seed, hash_name)
    return found[:size]


def finished12(master_secret: bytes, label: bytes, messages: Sequence[bytes], hash_name: str) -> bytes:
    """Return the verify_data of TLS 1.2's Finished after *messages* (RFC 5246 7.4.9)."""
    return prf(master_secret, label, transcript(messages, hash_name), 12, hash_name)

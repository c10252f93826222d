"""Whether a file carries a C2PA manifest store (content credentials): found by its container's boxes, never opened.

C2PA 2.1, appendix A ("Embedding manifests into various file formats"). Not promised: that the manifest is valid, signed
or about this file; nor that a file without one never had any, because most platforms take them out.
"""

from collections.abc import Callable, Mapping
from typing import Final

from muniment.extract.lying import Lying

__all__ = ["present"]

_STEPS: Final = 4096
_ISO: Final = frozenset(
    {"video/mp4", "audio/mp4", "video/quicktime", "video/3gpp", "image/avif", "image/heic", "image/heif"}
)
# A.5: the box of the user type.
_UUID: Final = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_JUMBF_LOOKED_AT: Final = 256


def present(lying: Lying, media_type: str) -> bool | None:
    """Say whether the octets that are *lying* in a file hold a C2PA manifest store, as files of *media_type* hold it.

    None where that is not known: of formats that are not looked into, and of files that are broken or too long to walk
    through before one was found.
    """
    read = _iso if media_type in _ISO else _READERS.get(media_type)
    return read(lying) if read else None


def _jpeg(lying: Lying) -> bool | None:
    # A.3.1: JUMBF in APP11 segments (ISO/IEC 19566-5 D.2); none of the segments stands behind the scan.
    at = 2
    for _ in range(_STEPS):
        head = lying.read(at, 4)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        if head[1] == 0xFF:  # fill
            at += 1
            continue
        if head[1] in {0xDA, 0xD9}:  # the scan, the end
            return False
        length = int.from_bytes(head[2:4], "big")
        if head[1] == 0xEB and _jumbf(lying.read(at + 4, _JUMBF_LOOKED_AT)):
            return True
        if length < 2:
            return None
        at += 2 + length
    return None


def _jumbf(octets: bytes) -> bool:
    return octets.startswith(b"JP") and b"jumb" in octets and b"c2pa" in octets


def _png(lying: Lying) -> bool | None:
    # A.3.2: a chunk caBX.
    at = 8
    for _ in range(_STEPS):
        head = lying.read(at, 8)
        if len(head) < 8:
            return None
        if head[4:] in {b"caBX", b"IEND"}:
            return head[4:] == b"caBX"
        at += 12 + int.from_bytes(head[:4], "big")
    return None


def _riff(lying: Lying) -> bool | None:
    # A.3.4: a chunk C2PA of the form; chunks begin at even places.
    at = 12
    for _ in range(_STEPS):
        head = lying.read(at, 8)
        if len(head) < 8:
            return False if at >= lying.length and lying.whole else None
        if head[:4] == b"C2PA":
            return True
        length = int.from_bytes(head[4:], "little")
        at += 8 + length + length % 2
    return None


def _iso(lying: Lying) -> bool | None:
    # ISO/IEC 14496-12 4.2: a size of 1 stands for a larger one behind the type, 0 for all that is left.
    at = 0
    for _ in range(_STEPS):
        head = lying.read(at, 32)
        if len(head) < 8:
            return False if at == lying.length and lying.whole else None
        size, body = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, body = int.from_bytes(head[8:16], "big"), 16
        if head[4:8] == b"uuid" and head[body : body + 16] == _UUID:
            return True
        if size == 0:
            return False if lying.whole else None
        if size < body:
            return None
        at += size
    return None


_READERS: Final[Mapping[str, Callable[[Lying], bool | None]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _riff,
    "audio/wave": _riff,
    "video/avi": _riff,
}

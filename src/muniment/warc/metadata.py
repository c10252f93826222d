"""What a metadata record says: canonical JSON, as the one named field of an ``application/warc-fields`` block.

ISO 28500:2017 6.6 recommends that type for metadata records, and the programs that replay WARC files go by it: what is
of another type they take for one more answer of the URL, and show it in place of the page.
"""

from typing import Any, Final

from muniment import canonical

__all__ = ["MEDIA_TYPE", "block", "decode"]

MEDIA_TYPE: Final = "application/warc-fields"
_NAME: Final = b"facts: "
_END: Final = b"\r\n"


def block(content: bytes) -> bytes:
    """Return the block that holds *content*, which is canonical JSON and so has no end of line in it."""
    return _NAME + content + _END


def decode(held: bytes, where: object) -> Any:
    """Return what the block *held* says; FormatError naming *where* for anything that is not canonical JSON in it.

    Bare JSON is read as well: so were these blocks written until they were ``application/warc-fields``.
    """
    if held.startswith(_NAME) and held.endswith(_END):
        held = held[len(_NAME) : -len(_END)]
    return canonical.decode(held, where)

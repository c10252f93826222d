"""From payloads to what they rest on and point to; pure, bounded, and never surprised by octets."""

from muniment.extract.links import (
    EXTRACTOR,
    Found,
    Link,
    LinkKind,
    Unresolved,
    encode,
    from_css,
    from_html,
    links,
)

__all__ = ["EXTRACTOR", "Found", "Link", "LinkKind", "Unresolved", "encode", "from_css", "from_html", "links"]

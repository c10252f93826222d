"""Where on a page its article stands, and which anchors there are citations rather than furniture."""

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

__all__ = ["cited_anchors"]

# From the most exact mark to the least. A mark counts only where it holds most of the page's running text: teasers
# and comments are <article> elements too.
_MARKS: Final = ("[itemprop~=articleBody]", "article", "[role=main], main")
_SHARE_OF_TEXT: Final = 0.4
_MAX_CANDIDATES: Final = 64
_FURNITURE: Final = frozenset({"nav", "aside", "footer", "form", "button", "menu"})
_FURNITURE_CLASS: Final = re.compile(
    r"(?:^|[\s_-])(?:share|sharing|sharedaddy|breadcrumbs?|related|tags|pagination)(?:$|[\s_-])"
)
_FURNITURE_ROLE: Final = frozenset({"navigation", "complementary", "contentinfo", "menu", "search"})


def cited_anchors(page: LexborHTMLParser) -> frozenset[int]:
    """Return the ids (``mem_id``) of the elements that may cite something in the article's body.

    A page without running text has none. The judgement follows marks that publishers set, and is no promise: a
    caller that must miss nothing takes the other anchors too.
    """
    body = _body(page)
    return frozenset() if body is None else frozenset(node.mem_id for node in _running(body))


def _body(page: LexborHTMLParser) -> LexborNode | None:
    paragraphs = [(node, len(node.text(deep=True))) for node in page.css("p")]
    total = sum(length for _, length in paragraphs)
    if not total:
        candidates = page.css(_MARKS[0]) or page.css(_MARKS[1])
        return candidates[0] if candidates else None
    for mark in _MARKS:
        weighed = [
            (sum(len(p.text(deep=True)) for p in node.css("p")), -order, node)
            for order, node in enumerate(page.css(mark)[:_MAX_CANDIDATES])
        ]
        if weighed and (best := max(weighed, key=lambda each: each[:2]))[0] >= _SHARE_OF_TEXT * total:
            return best[2]
    return _heaviest_parent(paragraphs)


def _heaviest_parent(paragraphs: list[tuple[LexborNode, int]]) -> LexborNode | None:
    """Return the element whose own paragraphs hold the most text; the first of equals."""
    weights: dict[int, int] = {}
    parents: dict[int, LexborNode] = {}
    for node, length in paragraphs:
        if (parent := node.parent) is not None:
            parents.setdefault(parent.mem_id, parent)
            weights[parent.mem_id] = weights.get(parent.mem_id, 0) + length
    return parents[max(weights, key=lambda each: weights[each])] if weights else None


def _running(body: LexborNode) -> Iterator[LexborNode]:
    """Yield the elements below *body* outside its furniture, without recursion: pages choose how deep they nest."""
    pending = [body]
    while pending:
        node = pending.pop()
        if node is not body and _is_furniture(node):
            continue
        yield node
        child = node.last_child
        while child is not None:
            if child.is_element_node:
                pending.append(child)
            child = child.prev


def _is_furniture(node: LexborNode) -> bool:
    if node.tag in _FURNITURE:
        # The footer of a quotation says whose words they are: the very link that is looked for.
        parent = node.parent.tag if node.parent is not None else ""
        return not (node.tag == "footer" and parent in ("blockquote", "figure"))
    attributes = node.attributes
    return (attributes.get("role") or "") in _FURNITURE_ROLE or bool(
        _FURNITURE_CLASS.search((attributes.get("class") or "").lower())
    )

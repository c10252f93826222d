"""The blocks of metadata records: named fields as the standard recommends, and bare JSON as it was."""

import pytest

from muniment import canonical
from muniment.errors import FormatError
from muniment.warc import metadata

SAID = {"text": "a: b\r\n facts: {}", "type": "links", "v": 1}


def test_what_is_said_is_one_field_on_one_line() -> None:
    block = metadata.block(canonical.encode(SAID))
    assert block == b'facts: {"text":"a: b\\r\\n facts: {}","type":"links","v":1}\r\n'
    assert metadata.decode(block, "w") == SAID


def test_the_bare_json_of_older_archives_is_read_as_well() -> None:
    assert metadata.decode(canonical.encode(SAID), "w") == SAID


@pytest.mark.parametrize(
    "block", [b"", b"facts: ", b"facts: \r\n", b"facts: {}", b"facts: {}\n", b"fact: {}\r\n", b"facts: {}\r\na: b\r\n"]
)
def test_anything_else_is_refused_by_name(block: bytes) -> None:
    with pytest.raises(FormatError, match="c at 7"):
        metadata.decode(block, "c at 7")

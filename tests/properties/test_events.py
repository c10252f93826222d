"""Events: what is written reads back as it was, in one spelling; everything else is refused by one kind of error."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from muniment import manifest
from muniment.digest import Digest
from muniment.errors import FormatError
from muniment.manifest import Agent, Event
from muniment.model import EventType

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DIGEST = st.binary(min_size=32, max_size=32).map(lambda octets: Digest("sha256", octets))
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
KEY = st.text(st.characters(max_codepoint=0x7F, exclude_categories=["Cs"]), max_size=10)
DETAIL = st.dictionaries(KEY, st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=6), max_size=4)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw any event that can be written."""
    return Event(
        id=draw(TEXT),
        type=draw(st.sampled_from(EventType)),
        at=draw(st.datetimes(timezones=st.timezones())),
        agents=tuple(Agent(*pair) for pair in draw(st.lists(st.tuples(TEXT, TEXT), max_size=3))),
        subjects=tuple(draw(st.lists(st.tuples(TEXT, DIGEST), max_size=3))),
        outcome=draw(TEXT),
        tool=draw(TEXT),
        version=draw(TEXT),
        note=draw(TEXT),
        detail=draw(DETAIL),
    )


@given(events())
def test_an_event_reads_back_as_it_was_written_and_has_one_spelling(event: Event) -> None:
    written = manifest.encode_event(event)
    assert written == rfc8785.dumps(json.loads(written))
    assert manifest.decode_event(written, "event") == event


@given(
    events(),
    st.sampled_from(["event", "type", "at", "agents", "outcome", "tool", "note", "detail", "v", "more"]),
    PLAIN,
)
def test_an_event_with_another_value_is_refused_or_means_that_value(event: Event, name: str, value: Any) -> None:
    said = json.loads(manifest.encode_event(event))
    said["predicate"][name] = value
    written = rfc8785.dumps(said)
    try:
        read = manifest.decode_event(written, "event")
    except FormatError:
        return
    assert manifest.encode_event(read) == written


@given(events())
def test_what_events_say_besides_is_read_or_refused(event: Event) -> None:
    readers = (
        manifest.acceptance,
        manifest.hold,
        manifest.receiver,
        lambda each, where: manifest.decode_key_change(each.detail, where),
    )
    for read in readers:
        with pytest.raises(FormatError):
            read(event, "event")

"""TLS in any pieces, in any order, damaged in any way: the same result, or one that says what is wrong."""

import functools
import ssl
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from muniment.errors import FormatError, SignatureInvalid
from muniment.tls import evidence
from muniment.tls.connection import Connection, Plaintext, Progress
from muniment.tls.evidence import Evidence
from muniment.tls.handshake import Message
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Handshake, Side
from rfc8448 import RESUMED, RETRIED, SIMPLE
from tls_forged import certificate, extension, forged, message, vector
from tls_streams import Recorded, contexts, identity, talk

Outcome = tuple[dict[Side, list[Plaintext]], list[Progress], Handshake, Evidence | None]
KEY = ec.derive_private_key(7, ec.SECP256R1())
LEAF = extension(5, b"\x01" + vector(3, b"staple")) + extension(18, vector(2, vector(2, b"timestamp")))
STREAMS = st.sampled_from(["simple", "resumed", "retried", "1.2", "1.2-resumed", "1.3"])


@functools.cache
def recordings() -> dict[str, Recorded]:
    """Return the connections that are fed; no fixture, because hypothesis would print them whole."""
    found = {}
    for name, trace in (("simple", SIMPLE), ("resumed", RESUMED), ("retried", RETRIED)):
        client, server = trace.streams
        found[name] = Recorded([(Side.CLIENT, client), (Side.SERVER, server)], trace.key_log)
    with tempfile.TemporaryDirectory() as folder:
        who = identity(Path(folder), KEY)
        for name, version in (("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)):
            pair = contexts(who, Path(folder), version)
            found[name] = talk(*pair)
            found[f"{name}-resumed"] = talk(*pair, session=found[name].session)
    return found


def read(streams: dict[Side, bytes], key_log: bytes, order: list[tuple[str, int]]) -> Outcome:
    """Return what comes out when *order* says who is fed, or how much of the key log is, before the rest follows."""
    keys = KeyLog()
    connection = Connection(keys)
    pieces: list[Plaintext] = []

    def feed(side: Side, size: int) -> None:
        start = connection.progress(side).position
        pieces.extend(connection.feed(side, streams[side][start : start + size]))

    fed = 0
    for what, size in order:
        if what == "keys":
            keys.feed(key_log[fed : fed + size])
            fed += size
        else:
            feed(Side(what), size)
    keys.feed(key_log[fed:])
    before = -1
    while before != (before := sum(connection.progress(side).position for side in Side) + len(pieces)):
        for side in Side:
            feed(side, 1 << 30)
    for side in Side:
        connection.end(side)
    apart = {side: [piece for piece in pieces if piece.side is side] for side in Side}
    ends = [connection.progress(side) for side in Side]
    return apart, ends, connection.handshake, evidence.of(connection)


ORDER = st.lists(
    st.tuples(st.sampled_from(["client", "server", "keys"]), st.one_of(st.integers(0, 40), st.integers(0, 70_000))),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(name=STREAMS, order=ORDER)
def test_any_pieces_in_any_order_give_the_same(name: str, order: list[tuple[str, int]]) -> None:
    one = recordings()[name]
    streams = {side: one.stream(side) for side in Side}
    whole = read(streams, one.key_log, [])
    assert read(streams, one.key_log, order) == whole
    assert [end.consumed for end in whole[1]] == [len(streams[side]) for side in Side]


Damage = list[tuple[Side, int, int, bytes]]
DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.integers(0, 2_000),
        st.integers(0, 300),
        st.one_of(st.binary(max_size=30), st.just(b"")),
    ),
    min_size=1,
    max_size=3,
)


def damaged(streams: dict[Side, bytes], damage: Damage) -> dict[Side, bytes]:
    """Return *streams* with some octets put in the place of some others."""
    changed = {side: bytearray(octets) for side, octets in streams.items()}
    for side, at, size, piece in damage:
        changed[side][at : at + size] = piece
    return {side: bytes(octets) for side, octets in changed.items()}


@settings(max_examples=400, deadline=None)
@given(name=STREAMS, order=ORDER, damage=DAMAGE)
def test_damage_gives_the_same_outcome_in_any_pieces(name: str, order: list[tuple[str, int]], damage: Damage) -> None:
    one = recordings()[name]
    streams = damaged({side: one.stream(side) for side in Side}, damage)
    # How much of a direction was taken in before its fault was found is up to the pieces.
    results = [read(streams, one.key_log, each) for each in (order, [])]
    apart = [(said, [replace(end, position=0) for end in ends], *rest) for said, ends, *rest in results]
    assert apart[0] == apart[1]


@settings(max_examples=300, deadline=None)
@given(client=st.binary(max_size=400), server=st.binary(max_size=400), key_log=st.binary(max_size=400))
def test_any_octets_give_an_outcome(client: bytes, server: bytes, key_log: bytes) -> None:
    hello = bytes.fromhex(SIMPLE.client[0])
    for start in (b"", b"\x16\x03\x03\x01\x00"):
        for streams in ((start + client, start + server), (hello + client, start + server)):
            _, ends, _, _ = read(dict(zip(Side, streams, strict=True)), key_log, [])
            assert all(end.consumed <= end.position <= 1_000 for end in ends)


@settings(max_examples=500, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4))
def test_a_server_that_knows_the_keys_can_send_any_messages(changes: list[tuple[int, bytes]]) -> None:
    def changed(flight: bytes) -> bytes:
        octets = bytearray(flight)
        for at, piece in changes:
            octets[at : at + len(piece)] = piece
        return bytes(octets)

    shown = message(Message.CERTIFICATE, certificate(b"leaf", b"issuer", leaf=LEAF))
    made = forged(KEY, shown, server=extension(16, vector(2, vector(1, b"h2"))), change=changed)
    _, ends, _, found = read({Side.CLIENT: made.client, Side.SERVER: made.server}, made.key_log, [])
    assert (found is None) == (ends[1].fault is not None)


@settings(max_examples=500, deadline=None)
@given(name=STREAMS, changes=st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3), st.binary(max_size=3))))
def test_changed_evidence_is_refused_or_says_no_more_than_it_shows(
    name: str, changes: list[tuple[int, int, bytes]]
) -> None:
    one = recordings()[name]
    found = read({side: one.stream(side) for side in Side}, one.key_log, [])[3]
    assert found is not None
    sizes = [len(found.greeting), len(found.greeting) + len(found.protected)]
    octets = bytearray(found.greeting + found.protected + found.secret)
    for at, size, piece in changes:
        octets[at % len(octets) : at % len(octets) + size] = piece
    changed = Evidence(bytes(octets[: sizes[0]]), bytes(octets[sizes[0] : sizes[1]]), bytes(octets[sizes[1] :]))
    try:
        result = evidence.verified(changed)
    except (FormatError, SignatureInvalid):
        return
    if isinstance(result, evidence.Signed) and result.handshake.version == "tls/1.3":
        assert changed == found


@settings(max_examples=500, deadline=None)
@given(parts=st.tuples(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=64)))
def test_any_octets_are_no_evidence(parts: tuple[bytes, bytes, bytes]) -> None:
    with pytest.raises((FormatError, SignatureInvalid)):
        evidence.verified(Evidence(*parts))


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_octets_decode_to_evidence_or_a_format_error(content: bytes) -> None:
    with pytest.raises(FormatError):
        evidence.decode(content)


def test_the_recordings_are_what_their_names_say() -> None:
    for name, one in recordings().items():
        _, _, handshake, found = read({side: one.stream(side) for side in Side}, one.key_log, [])
        assert (handshake.resumed, handshake.retried) == ("resumed" in name, name == "retried")
        assert found is not None

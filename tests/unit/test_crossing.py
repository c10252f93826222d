"""One connection read out of its spool: in the order of both sides, however it was cut and whenever its keys came."""

import ssl
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from muniment.fetch.decoding.crossing import Crossed, Crossing
from muniment.tls.connection import Close, Connection
from muniment.tls.keylog import KeyLog
from muniment.tls.session import Side
from rfc8448 import PAYLOAD, RESUMED, SIMPLE, Trace
from tls_streams import Recorded, contexts, identity, talk

C, S = Side.CLIENT, Side.SERVER
LONG = bytes(range(256)) * 1000
"""More than a connection holds of a direction while it waits for a key."""


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("tls")
    who = identity(folder / "who", ec.generate_private_key(ec.SECP256R1()))
    return talk(*contexts(who, folder, request.param), request=LONG[1:], answer=LONG)


def known(key_log: bytes) -> KeyLog:
    keys = KeyLog()
    keys.feed(key_log)
    return keys


def pieces(segments: list[tuple[Side, bytes]], step: int = 1 << 30) -> Iterator[tuple[Side, bytes]]:
    for side, octets in segments:
        for at in range(0, len(octets), step):
            yield side, octets[at : at + step]


def said(crossed: list[Crossed]) -> list[tuple[Side, bytes]]:
    """Return what each side said in turn, its pieces joined."""
    turns: list[tuple[Side, bytes]] = []
    for each in crossed:
        if turns and turns[-1][0] is each.side and each.octets:
            turns[-1] = (each.side, turns[-1][1] + each.octets)
        else:
            turns.append((each.side, each.octets))
    return turns


def expected(recorded: Recorded, fed: list[tuple[Side, bytes]]) -> list[Crossed]:
    """Return what each piece of *fed* completes, as a connection that hears all in its order gives it."""
    connection = Connection(known(recorded.key_log))
    records = [each for side, octets in recorded.segments for each in connection.feed(side, octets)]
    ends, found = dict.fromkeys(Side, 0), []
    for at, (side, octets) in enumerate(fed):
        before, ends[side] = ends[side], ends[side] + len(octets)
        mine = [each for each in records if each.side is side and before < each.end <= ends[side]]
        found += [Crossed(side, each.content, at) for each in mine] if octets else [Crossed(side, b"", at)]
    return found


def ended(segments: list[tuple[Side, bytes]], step: int = 1 << 30) -> list[tuple[Side, bytes]]:
    return [*pieces(segments, step), (C, b""), (S, b"")]


# Without TLS.


def test_what_is_no_tls_passes_as_it_came() -> None:
    crossing = Crossing(KeyLog())
    fed = [(C, b"GET / HTTP/1.1\r\n\r\n"), (S, b"HTTP/1.1 200 OK\r\n"), (C, b"\x16\x03"), (S, b""), (C, b"")]
    for at, (side, octets) in enumerate(fed):
        crossing.feed(side, octets, at)
    assert crossing.waits
    assert list(crossing.crossed()) == [Crossed(side, octets, at) for at, (side, octets) in enumerate(fed)]
    assert not crossing.waits
    crossing.give_up()
    assert (crossing.tls, crossing.faults) == (None, ())
    assert crossing.notified(C)
    assert crossing.notified(S)


def test_only_what_a_client_sends_first_begins_tls() -> None:
    for side, octets in ((S, b"\x16\x03\x01"), (C, b"\x17\x03\x01")):
        crossing = Crossing(KeyLog())
        crossing.feed(side, octets, 0)
        crossing.feed(C, b"\x16\x03\x01", 1)
        assert crossing.tls is None
    crossing = Crossing(KeyLog())
    crossing.feed(S, b"", 0)
    crossing.feed(C, b"\x16\x03\x01", 1)
    assert crossing.tls is not None


def test_it_is_full_where_a_mebibyte_waits_and_no_longer_when_it_was_read() -> None:
    crossing = Crossing(KeyLog())
    crossing.feed(C, bytes((1 << 20) - 2), 0)
    crossing.feed(S, b"x", 0)
    assert not crossing.full
    crossing.feed(S, b"x", 0)
    assert crossing.full
    assert sum(len(each.octets) for each in crossing.crossed()) == 1 << 20
    assert not crossing.full
    crossing.feed(C, bytes((1 << 20) - 1), 0)
    assert not crossing.full


# TLS.


@pytest.mark.parametrize("step", [1000, 40_000, 1 << 30])
def test_both_sides_are_read_in_the_order_in_which_they_spoke(recorded: Recorded, step: int) -> None:
    crossing = Crossing(known(recorded.key_log))
    found, fed = [], ended(recorded.segments, step)
    for at, (side, octets) in enumerate(fed):
        crossing.feed(side, octets, at)
        found += crossing.crossed()
        assert not crossing.waits
    assert said(found) == [(C, LONG[1:]), (S, LONG), (C, b""), (S, b"")]
    assert found == expected(recorded, fed)
    assert (crossing.faults, crossing.notified(C), crossing.notified(S)) == ((), True, True)


@pytest.mark.parametrize("step", [1000, 40_000, 1 << 30])
def test_nothing_is_lost_where_the_keys_come_last(recorded: Recorded, step: int) -> None:
    keys = KeyLog()
    early, late = Crossing(known(recorded.key_log)), Crossing(keys)
    at_once, nothing = [], []
    for at, (side, octets) in enumerate(ended(recorded.segments, step)):
        early.feed(side, octets, at)
        at_once += early.crossed()
        late.feed(side, octets, at)
        nothing += late.crossed()
    assert nothing == []
    assert late.waits
    keys.feed(recorded.key_log)
    assert list(late.crossed()) == at_once
    assert not late.waits
    assert not late.full
    assert late.faults == ()
    whole, found = read(recorded.key_log, ended(recorded.segments, step))
    assert found == at_once
    assert not whole.waits


def read(key_log: bytes, fed: list[tuple[Side, bytes]]) -> tuple[Crossing, list[Crossed]]:
    crossing = Crossing(known(key_log))
    for at, (side, octets) in enumerate(fed):
        crossing.feed(side, octets, at)
    return crossing, list(crossing.crossed())


def test_early_data_is_what_the_client_said_first() -> None:
    client, server = RESUMED.streams
    crossing, found = read(RESUMED.key_log, [(C, client), (S, server), (C, b""), (S, b"")])
    assert said(found)[0] == (C, b"ABCDEF" + PAYLOAD)
    assert said(found)[1] == (S, PAYLOAD)
    assert crossing.faults == ()


def without(key_log: bytes, label: str) -> bytes:
    return b"".join(line for line in key_log.splitlines(keepends=True) if not line.startswith(label.encode()))


def exchange() -> list[tuple[Side, bytes]]:
    """Return RFC 8448 section 3 in its order: the client's hello, the server's flight, and so on."""
    hello, *rest = [bytes.fromhex(each) for each in SIMPLE.client]
    answer = [bytes.fromhex(each) for each in SIMPLE.server]
    # The server's hello and flight; the client's Finished and data; the rest of the server; the client's farewell.
    return [(C, hello), (S, b"".join(answer[:2])), (C, b"".join(rest[:-1])), (S, b"".join(answer[2:])), (C, rest[-1])]


def test_what_waits_for_a_key_holds_back_what_came_later() -> None:
    fed = ended(exchange())
    crossing, found = read(without(SIMPLE.key_log, "SERVER_TRAFFIC_SECRET_0"), fed)
    assert said(found) == [(C, PAYLOAD)]
    assert crossing.waits
    assert crossing.faults == ()
    crossing.give_up()
    assert said(list(crossing.crossed())) == [(C, b""), (S, b"")]
    assert crossing.faults == ("the server's direction: the key log has no SERVER_TRAFFIC_SECRET_0",)
    assert (crossing.waits, crossing.notified(C), crossing.notified(S)) == (False, True, False)


def test_a_missing_key_of_the_client_is_named_and_the_server_is_read() -> None:
    crossing, found = read(without(SIMPLE.key_log, "CLIENT_TRAFFIC_SECRET_0"), ended(exchange()))
    assert found == []
    crossing.give_up()
    assert said(list(crossing.crossed())) == [(S, PAYLOAD), (C, b""), (S, b"")]
    assert crossing.faults == ("the client's direction: the key log has no CLIENT_TRAFFIC_SECRET_0",)


def test_without_any_key_each_direction_is_named() -> None:
    crossing, found = read(b"", ended(exchange()))
    crossing.give_up()
    assert (found, said(list(crossing.crossed()))) == ([], [(C, b""), (S, b"")])
    assert crossing.faults == (
        "the client's direction: the key log has no CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "the server's direction: the key log has no SERVER_HANDSHAKE_TRAFFIC_SECRET",
    )


# Where early data was asked for, the client's direction waits for what the server says of it, and not for a key.
@pytest.mark.parametrize(("trace", "keys"), [(SIMPLE, 2), (RESUMED, 1)], ids=["a short hello", "a long hello"])
@pytest.mark.parametrize("octets", [0, 95, 96, 97])
def test_who_sent_no_more_than_the_end_of_a_handshake_lost_nothing_for_want_of_a_key(
    octets: int, trace: Trace, keys: int
) -> None:
    hello, flight = (C, bytes.fromhex(trace.client[0])), (S, bytes.fromhex("".join(trace.server[:2])))
    protected = b"\x17\x03\x03" + (octets - 5).to_bytes(2, "big") + bytes(octets - 5) if octets else b""
    crossing, _ = read(b"", [hello, flight, (C, protected), (C, b""), (S, b"")])
    crossing.give_up()
    assert said(list(crossing.crossed()))[-2:] == [(C, b""), (S, b"")]
    assert not crossing.waits
    assert len(crossing.faults) == (keys if octets > 96 else 0)


def test_damage_ends_one_direction_and_the_other_goes_on() -> None:
    fed = exchange()
    damaged = bytearray(fed[3][1])
    damaged[-30] ^= 1
    fed[3] = (S, bytes(damaged))
    crossing, found = read(SIMPLE.key_log, ended(fed))
    assert [each for each in said(found) if each[0] is C] == [(C, PAYLOAD), (C, b"")]
    assert not crossing.waits
    crossing.give_up()
    assert crossing.tls is not None
    assert crossing.faults == (f"the server's direction: {crossing.tls.progress(S).fault}",)
    assert crossing.notified(C)
    assert not crossing.notified(S)


@pytest.mark.parametrize("cut", [1, 3, 23])
def test_a_direction_that_is_cut_is_over_with_its_end_and_not_before(cut: int) -> None:
    fed = exchange()
    fed[3] = (S, fed[3][1][:-cut])
    crossing, found = read(SIMPLE.key_log, fed)
    assert not crossing.waits
    assert said(found) == [(C, PAYLOAD), (S, PAYLOAD)]
    assert crossing.tls is not None
    assert crossing.tls.progress(S).close is Close.OPEN
    for side in (C, S):
        crossing.feed(side, b"", 9)
    assert list(crossing.crossed()) == [Crossed(C, b"", 9), Crossed(S, b"", 9)]
    crossing.give_up()
    assert crossing.faults == ()
    assert not crossing.notified(S)
    assert crossing.tls.progress(S).close is Close.CUT

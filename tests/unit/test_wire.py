"""Exact octets over real sockets on loopback: what a scripted server sent is what an exchange holds."""

import datetime as dt
import gzip
import hashlib
import os
import re
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import hostile
from hostile import Authority, Served, Talk, answer, redirect, routing, sending
from muniment.errors import FormatError, JobError, StoreError
from muniment.fetch.dial import Place, Surroundings
from muniment.fetch.http import StaticEngine, Wanted
from muniment.fetch.wire import Request
from muniment.message.entity import measure
from muniment.model import Exchange, Framing, Reason, Truncation
from muniment.rules import Limits, Rules

CAP = 1 << 20
OK = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True)
class Got:
    """An exchange with the octets of its spool, which is closed."""

    exchange: Exchange
    octets: bytes


def get(engine: StaticEngine, url: str, *, cap: int = CAP, seconds: float = 15, **more: Any) -> list[Got]:
    wanted = Wanted(url, **{"page": False, "referer": "", "cap": cap, "until": time.monotonic() + seconds, **more})
    return [taken(exchange) for exchange in engine.fetch(wanted)]


def taken(exchange: Exchange) -> Got:
    if exchange.response is None:
        return Got(exchange, b"")
    with exchange.response as spool:
        octets = spool.read()
    assert len(octets) == exchange.response_size
    return Got(exchange, octets)


def calm(**changes: Any) -> Limits:
    return Limits(**{"delay": 0, "idle_timeout": 5, **changes})


@pytest.fixture(params=[False, True], ids=["wire", "requests"])
def page(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def engine() -> Iterator[StaticEngine]:
    made = hostile.engine(limits=calm())
    yield made
    made.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def many_fields() -> bytes:
    return b"".join(b"X-%d: y\r\n" % number for number in range(300))


ODD = {
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "folded": OK + b"X: a\r\n   b\r\nContent-Length: 2\r\n\r\nhi",
    "NUL": OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n\x00\x01",
    "Latin-1": b"HTTP/1.1 200 caf\xe9\r\nX: \xe9\r\nContent-Length: 2\r\n\r\nhi",
    "UTF-8": b"HTTP/1.1 200 caf\xc3\xa9\r\nContent-Length: 2\r\n\r\nhi",
    "padding": OK + b"X:    a   \r\nContent-Length:   2\r\n\r\nhi",
    "300 fields": OK + many_fields() + b"Content-Length: 2\r\n\r\nhi",
    "100 kB line": OK + b"X: " + b"y" * 100_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
    "chunked, bare LF": OK + b"Transfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n",
    "until close": OK + b"\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhi",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhiX",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "wrong coding": OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
    "gzip": OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"hi"),
    "injection": OK + b"X: a\rWARC-Type: evil\r\nContent-Length: 2\r\n\r\nhi",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@pytest.mark.parametrize("octets", ODD.values(), ids=ODD)
def test_an_odd_message_is_stored_octet_for_octet(octets: bytes, *, page: bool, engine: StaticEngine) -> None:
    with Served(sending(octets)) as served:
        [got] = get(engine, served.url(), page=page)
        assert got.octets == octets
        assert got.exchange.truncated is None
        assert got.exchange.request == served.requests[0]
        assert re.search(rb"\n\r?\n\Z", octets[: got.exchange.head_size])
        assert len(re.findall(rb"\n\r?\n", octets[: got.exchange.head_size])) == 1


def test_octets_that_come_one_by_one_are_stored_as_they_came(engine: StaticEngine) -> None:
    octets = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"

    def dripping(talk: Talk) -> None:
        talk.request()
        for at in range(len(octets)):
            talk.send(octets[at : at + 1])

    with Served(dripping) as served:
        [got] = get(engine, served.url())
    assert (got.octets, got.exchange.reason, got.exchange.framing) == (octets, Reason.OK, Framing.CHUNKED)


def test_interim_answers_are_kept_apart_from_the_final_one(engine: StaticEngine, *, page: bool) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x.css>\r\n\r\n"
    with Served(sending(interim + answer(b"final"))) as served:
        [got] = get(engine, served.url(), page=page)
    assert (got.exchange.interim, got.octets, got.exchange.status) == (interim, answer(b"final"), 200)


def test_endless_interim_answers_end(engine: StaticEngine) -> None:
    def endless(talk: Talk) -> None:
        talk.request()
        while True:
            talk.send(b"HTTP/1.1 102 Processing\r\n\r\n")

    with Served(endless) as served:
        [got] = get(engine, served.url())
    assert (got.exchange.reason, got.exchange.response) == (Reason.NOT_HTTP, None)
    assert len(got.exchange.raw) <= 64 << 10


def test_surplus_octets_are_kept_apart_and_their_connection_is_not_used_again(engine: StaticEngine) -> None:
    with Served(sending(answer(b"one") + b"HTTP/1.1 200 OK\r\nEvil: yes\r\n\r\n", answer(b"two"))) as served:
        [first] = get(engine, served.url())
        [second] = get(engine, served.url())
        assert (first.octets, first.exchange.surplus) == (answer(b"one"), b"HTTP/1.1 200 OK\r\nEvil: yes\r\n\r\n")
        assert second.octets.startswith(answer(b"one"))
        assert served.connections == 2


def test_a_flood_of_surplus_is_bounded(engine: StaticEngine) -> None:
    def flooding(talk: Talk) -> None:
        talk.request()
        talk.send(answer(b"one", "200 OK", "Connection: close"))
        while True:
            talk.send(bytes(65536))

    with Served(flooding) as served:
        [got] = get(engine, served.url())
    assert got.octets == answer(b"one", "200 OK", "Connection: close")
    assert len(got.exchange.surplus) <= 64 << 10


NOT_HTTP = {
    "HTTP/0.9": b"<html>an old page</html>",
    "ICY": b"ICY 200 OK\r\nicy-name: radio\r\n\r\n\x00\x01",
    "garbage": bytes(range(255, -1, -1)),
    "SSH": b"SSH-2.0-OpenSSH_9\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00",
}


@pytest.mark.parametrize("octets", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_is_a_failure_with_its_raw_octets(octets: bytes, engine: StaticEngine, *, page: bool) -> None:
    with Served(sending(octets)) as served:
        [got] = get(engine, served.url(), page=page)
    assert (got.exchange.reason, got.exchange.response, got.exchange.raw) == (Reason.NOT_HTTP, None, octets)
    assert got.exchange.status is None


def test_endless_garbage_is_bounded(engine: StaticEngine) -> None:
    def endless(talk: Talk) -> None:
        talk.request()
        while True:
            talk.send(b"garbage" * 1000)

    with Served(endless) as served:
        [got] = get(engine, served.url())
    assert (got.exchange.reason, len(got.exchange.raw)) == (Reason.NOT_HTTP, 64 << 10)


def test_a_head_beyond_its_bound_is_not_read_on(engine: StaticEngine) -> None:
    def endless(talk: Talk) -> None:
        talk.request()
        talk.send(OK)
        while True:
            talk.send(b"X: " + b"y" * 60_000 + b"\r\n")

    with Served(endless) as served:
        [got] = get(engine, served.url())
    assert got.exchange.reason is Reason.NOT_HTTP
    assert "1048576" in got.exchange.detail


CUT = {
    "short body": OK + b"Content-Length: 10\r\n\r\nfive.",
    "short chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nfi",
    "chunks without end": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfive\r\n",
    "broken chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfive\r\nzz\r\nand more",
    "no chunks at all": OK + b"Transfer-Encoding: chunked\r\n\r\n<html>a page</html>",
}


@pytest.mark.parametrize("octets", CUT.values(), ids=CUT)
def test_a_body_cut_by_its_server_is_kept_as_far_as_it_came(octets: bytes, engine: StaticEngine, *, page: bool) -> None:
    with Served(sending(octets)) as served:
        [got] = get(engine, served.url(), page=page)
    assert got.octets == octets
    assert (got.exchange.reason, got.exchange.truncated) == (Reason.TRUNCATED_DISCONNECT, Truncation.DISCONNECT)
    assert got.exchange.detail


def test_a_reset_in_the_body_keeps_what_came(engine: StaticEngine) -> None:
    release = threading.Event()

    def resetting(talk: Talk) -> None:
        talk.request()
        talk.send(OK + b"Content-Length: 10\r\n\r\nfive.")
        release.wait(10)
        talk.reset()

    with Served(resetting) as served:
        exchanges = engine.fetch(Wanted(served.url(), page=False, referer="", cap=CAP, until=time.monotonic() + 10))
        # The octets must have arrived before the reset, which would otherwise take them along.
        threading.Timer(0.2, release.set).start()
        [got] = [taken(exchange) for exchange in exchanges]
    assert got.octets == OK + b"Content-Length: 10\r\n\r\nfive."
    assert (got.exchange.reason, got.exchange.truncated) == (Reason.TRUNCATED_DISCONNECT, Truncation.DISCONNECT)


def silent_after(octets: bytes) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        talk.until_closed()

    return script


@pytest.mark.parametrize(
    ("octets", "reason", "truncated"),
    [
        (b"", Reason.TIMEOUT, None),
        (b"HTTP/1.1 200 O", Reason.TRUNCATED_TIME, None),
        (OK + b"Content-Length: 10\r\n\r\nfive.", Reason.TRUNCATED_TIME, Truncation.TIME),
        (OK + b"\r\nfive.", Reason.TRUNCATED_TIME, Truncation.TIME),
    ],
    ids=["nothing", "half a head", "half a body", "body without end"],
)
def test_silence_ends_at_the_idle_timeout(octets: bytes, reason: Reason, truncated: Truncation | None) -> None:
    engine = hostile.engine(limits=calm(idle_timeout=0.5))
    with Served(silent_after(octets)) as served:
        [got] = get(engine, served.url())
    engine.close()
    assert (got.exchange.reason, got.exchange.truncated) == (reason, truncated)
    assert got.exchange.rule == "idle-timeout"
    assert (got.octets or got.exchange.raw) == octets


def test_a_drip_ends_at_the_total_deadline_and_keeps_what_came(engine: StaticEngine, *, page: bool) -> None:
    sent = bytearray(OK + b"\r\n")

    def dripping(talk: Talk) -> None:
        talk.request()
        talk.send(bytes(sent))
        while True:
            talk.send(b".")
            sent.extend(b".")
            threading.Event().wait(0.02)

    with Served(dripping) as served:
        begun = time.monotonic()
        [got] = get(engine, served.url(), seconds=0.8, page=page)
        assert time.monotonic() - begun < 4
    assert (got.exchange.reason, got.exchange.truncated) == (Reason.TRUNCATED_TIME, Truncation.TIME)
    assert got.exchange.rule == "max-resource-time"
    assert bytes(sent).startswith(got.octets[:-1])
    assert len(got.octets) > len(OK) + 2


def test_a_dripping_head_ends_at_the_total_deadline(engine: StaticEngine) -> None:
    def dripping(talk: Talk) -> None:
        talk.request()
        talk.send(OK)
        while True:
            talk.send(b"X: y\r\n")
            threading.Event().wait(0.02)

    with Served(dripping) as served:
        [got] = get(engine, served.url(), seconds=0.4)
    assert (got.exchange.reason, got.exchange.rule) == (Reason.TRUNCATED_TIME, "max-resource-time")
    assert got.exchange.raw.startswith(OK)


BODY = bytes(range(256)) * 40
FRAMED = {
    "length": answer(BODY),
    "close": OK + b"\r\n" + BODY,
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("octets", FRAMED.values(), ids=FRAMED)
def test_a_body_of_exactly_the_cap_is_whole_and_one_more_octet_is_cut_there(
    octets: bytes, engine: StaticEngine, *, page: bool
) -> None:
    with Served(sending(octets)) as served:
        whole = get(engine, served.url(), cap=len(BODY), page=page)[-1]
        # The server closes after each answer: a stale attempt may come before the last exchange.
        cut = get(engine, served.url(), cap=len(BODY) - 1, page=page)[-1]
    assert (whole.octets, whole.exchange.reason, whole.exchange.truncated) == (octets, Reason.OK, None)
    assert cut.octets == octets[: octets.index(BODY) + len(BODY) - 1]
    assert (cut.exchange.reason, cut.exchange.truncated) == (Reason.TRUNCATED_LENGTH, Truncation.LENGTH)
    assert cut.exchange.rule == "max-resource-bytes"


def test_an_infinite_body_is_cut_at_the_exact_cap(engine: StaticEngine) -> None:
    def endless(talk: Talk) -> None:
        talk.request()
        talk.send(OK + b"\r\n")
        while True:
            talk.send(b"x" * 65536)

    with Served(endless) as served:
        [got] = get(engine, served.url(), cap=3_000_001)
    assert got.octets == OK + b"\r\n" + b"x" * 3_000_001
    assert got.exchange.truncated is Truncation.LENGTH


def test_a_body_of_64_mib_goes_to_disk_in_constant_memory(engine: StaticEngine) -> None:
    piece = os.urandom(1 << 20)

    def long(talk: Talk) -> None:
        talk.request()
        talk.send(OK + b"Content-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(64):
            talk.send(piece)

    digest = hashlib.sha256()
    for _ in range(64):
        digest.update(piece)
    with Served(long) as served:
        tracemalloc.start()
        wanted = Wanted(served.url(), page=False, referer="", cap=64 << 20, until=time.monotonic() + 60)
        [exchange] = engine.fetch(wanted)
        assert exchange.response is not None
        entity = measure(exchange.response, cap=1 << 30)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        exchange.response.close()
    assert (exchange.reason, entity.payload.value) == (Reason.OK, digest.digest())
    assert peak < 8 << 20


def test_a_full_disk_under_the_spool_stops_at_once() -> None:
    class Full:
        """A disk that takes nothing."""

        def write(self, _octets: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    made: Any = Full
    rules = Rules(allow_net=("127.0.0.0/8",), resolve=("site.example=127.0.0.1",), dns=False)
    engine = StaticEngine(rules, Surroundings(made, lambda: dt.datetime.now(dt.UTC)), look_up=hostile.nobody)
    with Served(sending(answer(bytes(2 << 20)))) as served, pytest.raises(StoreError) as refused:
        get(engine, served.url(), cap=4 << 20)
    told = "the spool of a response: could not be written: No space left on device; make room on this disk"
    assert str(refused.value).startswith(told)
    engine.close()


def test_a_connection_is_kept_alive_and_every_exchange_names_it(engine: StaticEngine, *, page: bool) -> None:
    with Served(routing(lambda target: answer(target.encode()))) as served:
        found = [get(engine, served.url(f"/{n}"), page=page)[0] for n in range(5)]
        assert served.connections == 1
    assert [got.octets for got in found] == [answer(b"/%d" % n) for n in range(5)]
    assert {got.exchange.connection.id for got in found if got.exchange.connection} == {"c1"}


def test_a_stale_connection_costs_one_listed_attempt_and_a_fresh_one_answers(engine: StaticEngine) -> None:
    def stale(talk: Talk) -> None:
        talk.request()
        talk.send(answer(b"first"))
        talk.request()
        if talk.number:
            talk.send(answer(b"second"))

    with Served(stale) as served:
        get(engine, served.url())
        attempt, got = get(engine, served.url("/again"))
        assert served.connections == 2
        assert served.requests[1] == served.requests[2] == attempt.exchange.request == got.exchange.request
    assert (attempt.exchange.reason, attempt.exchange.response) == (Reason.TRUNCATED_DISCONNECT, None)
    assert (attempt.exchange.try_number, got.exchange.try_number) == (1, 2)
    assert got.octets == answer(b"first")


def test_an_early_close_is_tried_once_more_and_not_for_ever(engine: StaticEngine, *, page: bool) -> None:
    def closing(talk: Talk) -> None:
        talk.request()

    with Served(closing) as served:
        found = get(engine, served.url(), page=page)
        assert served.connections == 2
    assert [got.exchange.reason for got in found] == [Reason.TRUNCATED_DISCONNECT] * 2


def test_half_a_head_is_kept_and_not_asked_for_again(engine: StaticEngine) -> None:
    with Served(sending(b"HTTP/1.1 200 OK\r\nContent-")) as served:
        [got] = get(engine, served.url())
        assert served.connections == 1
    assert (got.exchange.raw, got.exchange.response) == (b"HTTP/1.1 200 OK\r\nContent-", None)


def test_a_connection_that_was_closed_meanwhile_is_not_used(engine: StaticEngine) -> None:
    kept = threading.Event()

    def once(talk: Talk) -> None:
        talk.request()
        talk.send(answer(b"once"))
        kept.wait(10)

    with Served(once) as served:
        get(engine, served.url())
        kept.set()
        while engine._wire._idle and engine._wire._idle[0].channel.quiet:
            time.sleep(0.001)
        found = get(engine, served.url())
    assert [got.octets for got in found] == [answer(b"once")]


def test_a_closed_port_is_refused_and_says_where(engine: StaticEngine) -> None:
    with Served(sending()) as served:
        url, port = served.url(), served.port
    [got] = get(engine, url)
    assert got.exchange.reason is Reason.REFUSED
    assert f"127.0.0.1:{port}" in got.exchange.detail


def test_an_exchange_tells_peer_and_moments(engine: StaticEngine) -> None:
    with Served(sending(answer(b"hi"))) as served:
        [got] = get(engine, served.url())
    connection = got.exchange.connection
    assert connection is not None
    assert (connection.host, connection.address, connection.port) == ("site.example", "127.0.0.1", served.port)
    assert (connection.tls, connection.chain, connection.tls_version) == ("none", (), "")
    moments = [got.exchange.times[name] for name in ("dns", "connect", "sent", "first", "last")]
    assert moments == sorted(moments)
    assert moments[0] >= 0


def test_the_request_goes_out_as_it_is_recorded_and_names_muniment(engine: StaticEngine, *, page: bool) -> None:
    with Served(sending(answer())) as served:
        [got] = get(engine, served.url("/a?b=%20c"), page=page, referer="http://site.example/from#x", accept="image/*")
        assert got.exchange.request == served.requests[0]
    lines = got.exchange.request.split(b"\r\n")
    assert lines[0] == b"GET /a?b=%20c HTTP/1.1"
    assert b"Host: site.example:%d" % served.port in lines
    assert b"User-Agent: muniment/0.1 (+archival capture)" in lines
    assert b"Accept: image/*" in lines
    assert lines[-2:] == [b"", b""]


@pytest.mark.parametrize("agent", ["a\r\nX: y", "a\nb", "a\x00b"])
def test_a_field_that_would_break_the_request_is_never_sent(agent: str) -> None:
    engine = hostile.engine(limits=calm(), user_agent=agent)
    with Served(sending(answer())) as served:
        [got] = get(engine, served.url())
        assert served.connections == 0
    engine.close()
    assert got.exchange.reason is Reason.MALFORMED_URL


def test_a_request_with_a_broken_target_cannot_be_written() -> None:
    request = Request("http://x/", Place("http", "x", 80), "/\r\nX: y", ())
    with pytest.raises(FormatError):
        request.octets(trusted=True)


def test_two_hundred_exchanges_over_eight_threads_do_not_mix() -> None:
    engine = hostile.engine(limits=calm(per_host=8))
    faults: list[str] = []
    numbers = iter(range(200))
    lock = threading.Lock()

    def body(target: str) -> bytes:
        return hashlib.sha256(target.encode()).hexdigest().encode() * (int(target[1:]) + 1)

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            [got] = get(engine, served.url(f"/{number}"), page=bool(number % 2))
            if got.octets != answer(body(f"/{number}")) or b"GET /%d HTTP" % number not in got.exchange.request:
                faults.append(f"{number}: {got}")

    with Served(routing(lambda target: answer(body(target)))) as served:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert served.connections <= 8
        assert len(served.requests) == 200
    engine.close()
    assert not faults


@pytest.mark.parametrize("octets", [b"", OK + b"Content-Length: 9\r\n\r\nhalf"], ids=["no answer", "half a body"])
def test_stop_ends_what_runs_and_keeps_what_came(octets: bytes, engine: StaticEngine) -> None:
    waiting = threading.Event()

    def hanging(talk: Talk) -> None:
        talk.request()
        talk.send(octets)
        waiting.set()
        talk.until_closed()

    with Served(hanging) as served:
        threading.Thread(target=lambda: (waiting.wait(10), engine.stop(0.1)), daemon=True).start()
        [got] = get(engine, served.url(), seconds=60)
        [after] = get(engine, served.url())
        assert served.connections == 1
    assert (got.octets, got.exchange.reason) == (octets, Reason.INTERRUPTED)
    assert got.exchange.truncated is (Truncation.DISCONNECT if octets else None)
    assert after.exchange.reason is Reason.INTERRUPTED


def test_stop_lets_what_ends_in_time_end(engine: StaticEngine) -> None:
    waiting, release = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        talk.request()
        waiting.set()
        release.wait(10)
        talk.send(answer(b"in time"))

    def stop() -> None:
        waiting.wait(10)
        threading.Timer(0.1, release.set).start()
        engine.stop(10)

    with Served(slow) as served:
        threading.Thread(target=stop, daemon=True).start()
        [got] = get(engine, served.url())
    assert (got.octets, got.exchange.reason) == (answer(b"in time"), Reason.OK)


def test_a_verified_peer_is_told_with_its_chain(authority: Authority, tmp_path: Path, *, page: bool) -> None:
    file = authority.file(tmp_path)
    engine = hostile.engine(limits=calm(), ca_files=(file,))
    context = authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Served(sending(answer(b"secret")), tls=context) as served:
        [got] = get(engine, served.url(), page=page)
    engine.close()
    connection = got.exchange.connection
    assert connection is not None
    assert (got.octets, connection.tls, connection.tls_version) == (answer(b"secret"), "ok", "tls/1.3")
    assert (connection.alpn, connection.refused) == ("http/1.1", ())
    assert connection.cipher.startswith("TLS_")
    assert connection.chain[0][:1] == b"\x30"
    assert [root.path for root in engine.roots][1:] == [file]
    assert engine.roots[1].digest.value == hashlib.sha256(Path(file).read_bytes()).digest()
    assert "tls" in got.exchange.times


def ago(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)


def peers(authority: Authority, folder: Path) -> dict[str, ssl.SSLContext]:
    old = authority.context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    return {
        "expired": authority.context("site.example", not_before=ago(20), not_after=ago(10)),
        "not-yet-valid": authority.context("site.example", not_before=ago(-10), not_after=ago(-20)),
        "wrong-host": authority.context("other.example"),
        "self-signed": hostile.self_signed("site.example", folder),
        "unknown-authority": Authority().context(),
        "old-protocol": old,
    }


REASONS = ["expired", "not-yet-valid", "wrong-host", "self-signed", "unknown-authority", "old-protocol"]


@pytest.mark.filterwarnings("ignore:ssl.OP_NO:DeprecationWarning")
@pytest.mark.parametrize("word", REASONS)
def test_an_unverified_peer_is_captured_flagged_and_gets_no_cookie(
    word: str, authority: Authority, tmp_path: Path, *, page: bool
) -> None:
    engine = hostile.engine(limits=calm(), ca_files=(authority.file(tmp_path),))
    setting = answer(b"secret", "200 OK", "Set-Cookie: theirs=1; Path=/")
    with Served(routing(lambda _: setting), tls=peers(authority, tmp_path)[word]) as served:
        engine._cookies.take(served.url(), (("Set-Cookie", "ours=1; Path=/"),))
        assert engine._cookies.field(served.url()) == "ours=1"
        for _ in range(2):
            [got] = get(engine, served.url(), page=page)
            connection = got.exchange.connection
            assert connection is not None
            assert (got.octets, got.exchange.reason, connection.tls) == (setting, Reason.OK, word)
            assert connection.chain
            assert connection.tls_detail
            assert connection.refused == ()
        assert b"Cookie" not in b"".join(served.requests)
        assert engine._cookies.field(served.url()) == "ours=1"
    engine.close()


@pytest.mark.filterwarnings("ignore:ssl.OP_NO:DeprecationWarning")
@pytest.mark.parametrize("word", REASONS)
def test_a_strict_capture_refuses_an_unverified_peer_and_sends_nothing(
    word: str, authority: Authority, tmp_path: Path
) -> None:
    engine = hostile.engine(limits=calm(), ca_files=(authority.file(tmp_path),), tls="strict")
    with Served(sending(answer(b"secret")), tls=peers(authority, tmp_path)[word]) as served:
        [got] = get(engine, served.url())
        assert served.requests == []
    engine.close()
    assert (got.exchange.reason, got.exchange.response) == (Reason.TLS_HANDSHAKE, None)
    if word != "old-protocol":
        assert got.exchange.connection is not None
        assert got.exchange.connection.chain
        assert got.exchange.connection.tls == word


def test_a_peer_that_shows_another_chain_the_second_time_is_found_out(authority: Authority) -> None:
    contexts = [Authority().context(), Authority().context()]
    switching = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority._authority.issue_cert("site.example").configure_cert(switching)
    seen = iter(contexts)

    def choose(sock: ssl.SSLObject, _name: str, _context: ssl.SSLContext) -> None:
        sock.context = next(seen)

    switching.sni_callback = choose
    engine = hostile.engine(limits=calm())
    with Served(sending(answer(b"hi")), tls=switching) as served:
        [got] = get(engine, served.url())
    engine.close()
    connection = got.exchange.connection
    assert connection is not None
    assert connection.tls == "unknown-authority"
    assert connection.refused
    assert connection.refused != connection.chain


def test_verified_and_unverified_peers_share_no_connection(authority: Authority, tmp_path: Path) -> None:
    engine = hostile.engine("bad.example", limits=calm(), ca_files=(authority.file(tmp_path),))
    with Served(routing(lambda _: answer(b"x")), tls=authority.context()) as served:
        ids = [
            got.exchange.connection.id
            for host in ("site.example", "bad.example", "site.example", "bad.example")
            for got in get(engine, served.url(host=host))
            if got.exchange.connection
        ]
    engine.close()
    assert ids[0] == ids[2]
    assert ids[1] == ids[3]
    assert ids[0] != ids[1]


def plain_garbage(talk: Talk) -> None:
    talk.send(b"this is no TLS at all\r\n")


def resetting(talk: Talk) -> None:
    talk.receive()
    talk.reset()


def closing(talk: Talk) -> None:
    talk.receive()


@pytest.mark.parametrize("script", [plain_garbage, resetting, closing], ids=["garbage", "reset", "close"])
def test_where_no_tls_comes_about_the_attempt_says_so(script: hostile.Script, engine: StaticEngine) -> None:
    with Served(script) as served:
        [got] = get(engine, served.url().replace("http:", "https:"))
        assert served.connections == 2
    assert (got.exchange.reason, got.exchange.response) == (Reason.TLS_HANDSHAKE, None)
    assert "without verification" in got.exchange.detail


def test_a_tls_handshake_that_hangs_ends_at_the_idle_timeout() -> None:
    engine = hostile.engine(limits=calm(idle_timeout=0.2))
    with Served(lambda talk: talk.until_closed()) as served:
        [got] = get(engine, served.url().replace("http:", "https:"))
    engine.close()
    assert (got.exchange.reason, got.exchange.rule) == (Reason.TIMEOUT, "idle-timeout")


def test_tls_that_ends_without_saying_so_leaves_a_body_until_close_cut(authority: Authority, tmp_path: Path) -> None:
    engine = hostile.engine(limits=calm(), ca_files=(authority.file(tmp_path),))

    def abrupt(talk: Talk) -> None:
        talk.request()
        talk.send(OK + b"\r\nhalf?")
        talk.end_tls = lambda: None  # type: ignore[method-assign]

    with Served(abrupt, tls=authority.context()) as served:
        [got] = get(engine, served.url())
    engine.close()
    assert got.octets == OK + b"\r\nhalf?"
    assert got.exchange.truncated is Truncation.DISCONNECT


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nrubbish\n"])
def test_a_file_of_authorities_that_is_none_is_a_job_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JobError, match="--ca-file"):
        hostile.engine(ca_files=(str(path),))


def test_a_redirect_body_is_never_decoded(engine: StaticEngine) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    moved = answer(bomb, "302 Found", "Location: /there", "Content-Encoding: gzip")
    with Served(routing(lambda target: answer(b"there") if target == "/there" else moved)) as served:
        tracemalloc.start()
        first, last = get(engine, served.url(), page=True)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (first.octets, last.octets) == (moved, answer(b"there"))
    assert peak < 8 << 20


def test_a_hop_to_another_host_uses_its_own_connection(engine: StaticEngine) -> None:
    with Served(routing(lambda target: redirect("/b") if target == "/a" else answer(b"b"))) as served:
        first, second = get(engine, served.url("/a"))
    assert first.exchange.connection == second.exchange.connection

"""The static engine over real sockets on loopback: every exchange told, nothing followed that must not be."""

import datetime as dt
import email.utils
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import hostile
from hostile import Authority, Served, Talk, answer, redirect, routing, sending
from muniment.errors import JobError
from muniment.fetch.dial import Surroundings
from muniment.fetch.http import StaticEngine, Wanted
from muniment.model import Exchange, Reason
from muniment.rules import Limits, Rules

ROUTES = dict[str, bytes]


def calm(**changes: Any) -> Limits:
    return Limits(**{"delay": 0, "idle_timeout": 5, **changes})


@pytest.fixture
def engine() -> Iterator[StaticEngine]:
    made = hostile.engine("other.example", limits=calm())
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["wire", "requests"])
def page(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def got(engine: StaticEngine, url: str, *, seconds: float = 10, **more: Any) -> list[Exchange]:
    wanted = {"page": False, "referer": "", "cap": 1 << 20, "until": time.monotonic() + seconds, **more}
    found = list(engine.fetch(Wanted(url, **wanted)))
    for exchange in found:
        if exchange.response:
            exchange.response.close()
    return found


def reasons(found: list[Exchange]) -> list[Reason]:
    return [exchange.reason for exchange in found]


def routes(known: ROUTES) -> hostile.Script:
    return routing(lambda target: known.get(target, answer(b"lost", "404 Not Found")))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("200 OK", Reason.OK),
        ("206 Partial Content", Reason.TRUNCATED_LENGTH),
        ("304 Not Modified", Reason.OK),
        ("404 Not Found", Reason.HTTP_4XX),
        ("451 Unavailable For Legal Reasons", Reason.HTTP_4XX),
        ("500 Oops", Reason.HTTP_5XX),
        ("999 Denied", Reason.HTTP_5XX),
    ],
)
def test_a_status_has_its_reason(status: str, reason: Reason, engine: StaticEngine, *, page: bool) -> None:
    with Served(routing(lambda _: answer(b"", status))) as served:
        [exchange] = got(engine, served.url(), page=page)
    assert (exchange.reason, exchange.status) == (reason, int(status[:3]))


@pytest.mark.parametrize("status", ["301 x", "302 x", "303 x", "307 x", "308 x"])
def test_every_hop_of_a_redirect_is_told_in_order(status: str, engine: StaticEngine, *, page: bool) -> None:
    known = {"/a/": redirect("b?x=1#frag", status), "/a/b?x=1": redirect("//other.example/c", status)}
    with Served(routes(known)) as served, Served(routes({"/c": answer(b"end")})) as other:
        known["/a/b?x=1"] = redirect(f"//other.example:{other.port}/c", status)
        found = got(engine, served.url("/a/"), page=page)
        assert [exchange.url for exchange in found] == [
            served.url("/a/"),
            served.url("/a/b?x=1"),
            other.url("/c", "other.example"),
        ]
    assert reasons(found) == [Reason.REDIRECT, Reason.REDIRECT, Reason.OK]
    assert [exchange.location for exchange in found] == [found[1].url, found[2].url, ""]


def test_a_redirect_without_a_target_is_the_answer(engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "302 Found"))) as served:
        [exchange] = got(engine, served.url())
    assert (exchange.reason, exchange.location) == (Reason.OK, "")


def test_a_redirect_whose_body_was_cut_is_followed_and_keeps_its_reason(engine: StaticEngine) -> None:
    def script(talk: Talk) -> None:
        if talk.request().startswith(b"GET /end"):
            talk.send(answer(b"end"))
        else:
            talk.send(b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 99\r\n\r\nshort")

    with Served(script) as served:
        found = got(engine, served.url())
    assert reasons(found) == [Reason.TRUNCATED_DISCONNECT, Reason.OK]


@pytest.mark.parametrize("known", [{"/": redirect("/")}, {"/": redirect("/b"), "/b": redirect("/")}])
def test_a_loop_ends_with_a_failure_that_lists_the_chain(known: ROUTES, engine: StaticEngine, *, page: bool) -> None:
    with Served(routes(known)) as served:
        found = got(engine, served.url(), page=page)
    assert reasons(found) == [Reason.REDIRECT] * len(known) + [Reason.LIMIT_RESOURCES]
    assert found[-1].rule == "max-redirects"
    assert "loop" in found[-1].detail
    assert found[-1].detail.count("http://") == len(known) + 1


def test_redirects_are_followed_as_far_as_the_limit_and_no_further() -> None:
    engine = hostile.engine(limits=calm(max_redirects=3))
    with Served(routing(lambda target: redirect(f"/{int(target[1:]) + 1}"))) as served:
        found = got(engine, served.url("/0"))
        assert len(served.requests) == 4
        arriving = {f"/{n}": redirect(f"/{n + 1}") for n in range(3)} | {"/3": answer(b"there")}
    with Served(routes(arriving)) as served:
        assert reasons(got(engine, served.url("/0")))[-1] is Reason.OK
    engine.close()
    assert reasons(found) == [Reason.REDIRECT] * 4 + [Reason.LIMIT_RESOURCES]
    assert found[-1].rule == "max-redirects"
    assert "/4" in found[-1].detail


def test_a_page_that_looks_whether_its_cookie_comes_back_is_no_loop(engine: StaticEngine, *, page: bool) -> None:
    def script(talk: Talk) -> None:
        while True:
            if b"Cookie: seen=1" in talk.request():
                talk.send(answer(b"welcome"))
            else:
                talk.send(answer(b"", "302 Found", "Location: /", "Set-Cookie: seen=1"))

    with Served(script) as served:
        assert reasons(got(engine, served.url(), page=page)) == [Reason.REDIRECT, Reason.OK]


FORBIDDEN_TARGETS = {
    "file:///etc/passwd": Reason.BLOCKED_SCHEME,
    "gopher://127.0.0.1/": Reason.BLOCKED_SCHEME,
    "ftp://127.0.0.1/": Reason.BLOCKED_SCHEME,
    "data:text/html,hello": Reason.BLOCKED_SCHEME,
    "javascript:alert(1)": Reason.BLOCKED_SCHEME,
    "http://": Reason.MALFORMED_URL,
    "http://[::1": Reason.MALFORMED_URL,
    "http://a b/": Reason.MALFORMED_URL,
}


@pytest.mark.parametrize("target", FORBIDDEN_TARGETS)
def test_only_http_is_followed_or_begun(target: str, engine: StaticEngine, *, page: bool) -> None:
    reason = FORBIDDEN_TARGETS[target]
    with Served(routing(lambda _: redirect(target))) as served:
        first, last = got(engine, served.url(), page=page)
        assert len(served.requests) == 1
    [begun] = got(engine, target, page=page)
    assert (first.reason, last.reason, begun.reason) == (Reason.REDIRECT, reason, reason)
    assert last.response is begun.response is None


@pytest.mark.parametrize(
    "url", ["", "no scheme", "http://exa mple/", "http://u:p@site.example/", "http://x:99999/", "http://x:0/"]
)
def test_a_malformed_url_is_refused_by_name_before_the_network(url: str, engine: StaticEngine, *, page: bool) -> None:
    [exchange] = got(engine, url, page=page)
    assert (exchange.reason, exchange.connection) == (Reason.MALFORMED_URL, None)
    assert exchange.detail


@pytest.mark.parametrize("escaped", ["/%0d%0aX-Evil:1", "/a%00b"])
def test_escaped_line_ends_in_a_url_stay_escaped(escaped: str, engine: StaticEngine, *, page: bool) -> None:
    with Served(routing(lambda _: answer())) as served:
        got(engine, served.url(escaped), page=page)
        assert served.requests[0].startswith(f"GET {escaped} HTTP/1.1\r\nHost".encode())


@pytest.mark.parametrize("location", ["http://a\rb c\x00\x1b[2J/[", "http://[" + "x" * 5000])
def test_a_malformed_target_is_recorded_short_and_without_controls(location: str, engine: StaticEngine) -> None:
    moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    with Served(routing(lambda _: moved)) as served:
        first, last = got(engine, served.url())
    assert (first.reason, last.reason) == (Reason.REDIRECT, Reason.MALFORMED_URL)
    for text in (first.location, last.url, last.detail):
        assert text.isprintable()
        assert len(text) < 3000


def test_a_reason_phrase_writes_nothing_on_a_terminal(engine: StaticEngine) -> None:
    phrase = b"\x1b]0;owned\x07 \xe2\x80\xae evil" + b"x" * 10_000
    with Served(routing(lambda _: b"HTTP/1.1 404 " + phrase + b"\r\nContent-Length: 0\r\n\r\n")) as served:
        [exchange] = got(engine, served.url())
    assert exchange.detail.isprintable()
    assert len(exchange.detail) < 200


def test_line_ends_in_a_location_do_not_reach_the_next_request(engine: StaticEngine) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /a\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n"
    with Served(routing(lambda target: moved if target == "/" else answer())) as served:
        got(engine, served.url())
        assert not [line for head in served.requests for line in head.splitlines() if line.startswith(b"X-Evil")]


# Canaries are other addresses of loopback, so that nothing leaves the machine even where the guard fails.
CANARIES = ["127.0.0.2", "2130706434", "0x7f000002", "0177.0.0.2", "127.2", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]"]


@pytest.mark.parametrize("host", CANARIES)
def test_a_forbidden_address_is_never_connected_to_in_any_spelling(host: str, *, page: bool) -> None:
    engine = hostile.engine(limits=calm(), allow_net=("127.0.0.1/32",))
    with Served(sending(answer(b"caught")), address="127.0.0.2") as canary:
        with Served(routing(lambda _: redirect(f"http://{host}:{canary.port}/"))) as served:
            first, last = got(engine, served.url(), page=page)
            [direct] = got(engine, f"http://{host}:{canary.port}/", page=page)
        assert canary.connections == 0
    engine.close()
    assert (first.reason, last.reason, direct.reason) == (
        Reason.REDIRECT,
        Reason.BLOCKED_ADDRESS,
        Reason.BLOCKED_ADDRESS,
    )


def test_a_resolver_that_changes_its_mind_reaches_no_canary(*, page: bool) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2"]])
    looked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        looked.append(host)
        return next(answers)

    rules = Rules(allow_net=("127.0.0.1/32",), limits=calm())
    engine = StaticEngine(rules, Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC)), look_up=rebinding)
    closing = answer(b"", "302 Found", "Location: /again", "Connection: close")
    with Served(sending(closing)) as served, Served(sending(answer(b"caught")), address="127.0.0.2") as canary:
        first, second = got(engine, served.url(), page=page)
        [third] = got(engine, served.url(), page=page)
        [fourth] = got(engine, served.url(), page=page)
        assert canary.connections == 0
        assert served.connections == 1
    engine.close()
    assert first.reason is Reason.REDIRECT
    assert {second.reason, third.reason, fourth.reason} == {Reason.BLOCKED_ADDRESS}
    assert looked == ["site.example"] * 4


def test_a_name_that_no_rule_answers_is_not_looked_up_where_names_are_not(engine: StaticEngine) -> None:
    [exchange] = got(engine, "http://unknown.example/")
    assert exchange.reason is Reason.DNS
    assert "--no-dns" in exchange.detail


def test_proxies_netrc_and_bundles_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, page: bool
) -> None:
    authority = Authority()
    with Served(sending(answer(b"caught"))) as canary:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
        (tmp_path / ".netrc").write_text("machine site.example login spy password secret\n")
        (tmp_path / ".netrc").chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority.file(tmp_path))
        monkeypatch.setenv("CURL_CA_BUNDLE", authority.file(tmp_path))
        monkeypatch.setenv("SSL_CERT_FILE", authority.file(tmp_path))
        engine = hostile.engine(limits=calm())
        with Served(routing(lambda _: answer(b"plain"))) as served:
            assert reasons(got(engine, served.url(), page=page)) == [Reason.OK]
            assert b"authorization" not in b"".join(served.requests).lower()
        with Served(routing(lambda _: answer(b"tls")), tls=authority.context()) as served:
            [exchange] = got(engine, served.url(), page=page)
            assert exchange.connection is not None
            assert exchange.connection.tls == "unknown-authority"
        # Nothing that requests would do with it is called here; should that change, it stays off.
        assert not engine._session.trust_env
        engine.close()
        assert canary.connections == 0


def test_cookies_are_kept_for_the_capture_and_go_to_their_own_host_only(engine: StaticEngine) -> None:
    setting = answer(b"", "200 OK", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/deep", "Set-Cookie: c=3; Secure")
    with Served(routing(lambda _: setting)) as served:
        got(engine, served.url(), page=True)
        for number in range(2):
            got(engine, served.url("/x"), page=bool(number))
        got(engine, served.url("/deep/x"))
        got(engine, served.url("/x", "other.example"))
        cookies = [[line for line in head.splitlines() if line.startswith(b"Cookie")] for head in served.requests]
    assert cookies[:3] == [[], [b"Cookie: a=1"], [b"Cookie: a=1"]]
    assert cookies[3] == [b"Cookie: b=2; a=1"]
    assert cookies[4] == []


@pytest.mark.parametrize(
    "cookie", ["evil=\x00", "x=1; Domain=example", "big=" + "x" * 9000, "x=1; Domain=other.example"]
)
def test_a_hostile_cookie_is_left_and_breaks_nothing(cookie: str, engine: StaticEngine) -> None:
    setting = answer(b"", "200 OK", f"Set-Cookie: {cookie}", "Set-Cookie: good=1")
    with Served(routing(lambda _: setting)) as served:
        assert reasons(got(engine, served.url()) + got(engine, served.url())) == [Reason.OK] * 2
        cookies = [line for head in served.requests for line in head.splitlines() if line.startswith(b"Cookie")]
    assert cookies == [b"Cookie: good=1"]


def test_a_flood_of_cookies_is_bounded(engine: StaticEngine) -> None:
    flood = [f"Set-Cookie: c{number}=1" for number in range(3000)]
    with Served(routing(lambda _: answer(b"", "200 OK", *flood))) as served:
        assert reasons(got(engine, served.url()) + got(engine, served.url())) == [Reason.OK] * 2
        assert len(served.requests[1]) < 16 << 10
    assert len(engine._cookies._jar) <= 1000


@pytest.mark.parametrize(
    ("referer", "expected"),
    [
        ("http://site.example:{port}/from?q#frag", b"Referer: http://site.example:{port}/from?q"),
        ("http://other.example/secret?q", b"Referer: http://other.example/"),
        ("https://other.example/secret", b""),
        ("file:///etc/passwd", b""),
        ("rubbish", b""),
        ("", b""),
    ],
)
def test_a_referer_tells_no_more_than_a_browser_would(referer: str, expected: bytes, engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer())) as served:
        got(engine, served.url(), referer=referer.replace("{port}", str(served.port)))
        [head] = served.requests
    lines = [line for line in head.splitlines() if line.startswith(b"Referer")]
    assert lines == ([expected.replace(b"{port}", b"%d" % served.port)] if expected else [])


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_server_that_says_later_is_asked_again_and_every_attempt_told(
    status: str, engine: StaticEngine, *, page: bool
) -> None:
    later = answer(b"later", status, "Retry-After: 0")
    replies = iter([later, later, answer(b"now")])
    with Served(routing(lambda _: next(replies))) as served:
        found = got(engine, served.url(), page=page)
    assert reasons(found)[-1] is Reason.OK
    assert [exchange.status for exchange in found] == [int(status[:3])] * 2 + [200]
    assert [exchange.try_number for exchange in found] == [1, 2, 3]


def test_retries_are_bounded_in_number(engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "503 No", "Retry-After: 0"))) as served:
        assert reasons(got(engine, served.url())) == [Reason.HTTP_5XX] * 3


def http_date(seconds: float) -> str:
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("value", ["90", "3600", "9" * 400, http_date(86400)], ids=["90", "3600", "huge", "date"])
def test_a_server_that_says_much_later_is_not_waited_for(value: str, engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "503 No", f"Retry-After: {value}"))) as served:
        assert len(got(engine, served.url(), seconds=10_000)) == 1


@pytest.mark.parametrize("value", [http_date(-60), "Mon, 01 Jan 2001 00:00:00 -0000"], ids=["past", "2001"])
def test_a_retry_date_that_is_past_means_now(value: str, engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "503 No", f"Retry-After: {value}"))) as served:
        begun = time.monotonic()
        assert len(got(engine, served.url())) == 3
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("value", ["", "soon", "-1", "\u0663"])
def test_no_retry_goes_beyond_the_deadline(value: str, engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "503 No", f"Retry-After: {value}"))) as served:
        # Without a readable Retry-After the pause is a second, which would end after the deadline.
        assert len(got(engine, served.url(), seconds=0.9)) == 1


def test_starts_with_one_host_are_apart_and_few_at_once() -> None:
    engine = hostile.engine("other.example", limits=calm(delay=0.05, per_host=2))
    starts: list[float] = []
    running: list[int] = []
    lock = threading.Lock()
    now = 0

    def script(talk: Talk) -> None:
        nonlocal now
        while True:
            talk.request()
            with lock:
                starts.append(time.monotonic())
                now += 1
                running.append(now)
            threading.Event().wait(0.3)
            with lock:
                now -= 1
            talk.send(answer())

    with Served(script) as served:
        threads = [threading.Thread(target=got, args=(engine, served.url(f"/{n}"))) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    engine.close()
    assert len(starts) == 6
    assert max(running) <= 2
    assert max(starts) - min(starts) >= 5 * 0.05 * 0.9


def test_redirects_wait_for_their_turn_as_well() -> None:
    engine = hostile.engine(limits=calm(delay=0.1))
    with Served(routes({"/": redirect("/a"), "/a": redirect("/b"), "/b": answer()})) as served:
        found = got(engine, served.url())
    engine.close()
    gaps = [later.started - earlier.started for earlier, later in itertools.pairwise(found)]
    assert all(gap >= dt.timedelta(seconds=0.09) for gap in gaps)


def test_a_turn_that_never_comes_ends_at_the_deadline() -> None:
    engine = hostile.engine(limits=calm(per_host=1))
    begun, release = threading.Event(), threading.Event()

    def slow(talk: Talk) -> None:
        talk.request()
        begun.set()
        release.wait(10)
        talk.send(answer())

    with Served(slow) as served:
        first = threading.Thread(target=got, args=(engine, served.url()))
        first.start()
        begun.wait(10)
        [exchange] = got(engine, served.url(), seconds=0.1)
        release.set()
        first.join()
    engine.close()
    assert (exchange.reason, exchange.rule) == (Reason.TIMEOUT, "max-resource-time")
    assert "site.example" in exchange.detail


def test_stop_ends_a_pause_between_attempts(engine: StaticEngine) -> None:
    with Served(routing(lambda _: answer(b"", "503 No", "Retry-After: 9"))) as served:
        wanted = Wanted(served.url(), page=False, referer="", cap=1 << 20, until=time.monotonic() + 30)
        found = []
        for exchange in engine.fetch(wanted):
            found.append(exchange)
            threading.Thread(target=engine.stop, args=(0,), daemon=True).start()
    assert reasons(found) == [Reason.HTTP_5XX, Reason.INTERRUPTED]


def test_a_resolve_rule_sends_a_name_to_another_port_and_keeps_its_host_field() -> None:
    with Served(routing(lambda _: answer(b"staged"))) as served:
        engine = hostile.engine("www.example", port=served.port, limits=calm())
        [exchange] = got(engine, "http://www.example/a")
        engine.close()
        assert b"\r\nHost: www.example\r\n" in served.requests[0]
    assert exchange.connection is not None
    assert (exchange.reason, exchange.connection.port) == (Reason.OK, served.port)


def test_a_name_with_several_addresses_is_tried_at_each() -> None:
    rules = Rules(allow_net=("127.0.0.0/8",), limits=calm())
    engine = StaticEngine(
        rules,
        Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC)),
        look_up=lambda _host, _port: ["127.0.0.3", "127.0.0.1"],
    )
    with Served(sending(answer(b"second", "200 OK", "Connection: close"))) as served:
        [exchange] = got(engine, served.url())
    [failed] = got(engine, served.url())
    engine.close()
    assert exchange.connection is not None
    assert (exchange.reason, exchange.connection.address) == (Reason.OK, "127.0.0.1")
    assert exchange.connection.look is not None
    assert exchange.connection.look.answers == ("127.0.0.3", "127.0.0.1")
    assert failed.reason is Reason.REFUSED
    assert "127.0.0.3" in failed.detail
    assert "127.0.0.1" in failed.detail


def test_an_ipv6_address_is_a_host_like_another(*, page: bool) -> None:
    engine = hostile.engine(limits=calm(), allow_net=("::1/128", "127.0.0.1/32"))
    with Served(routing(lambda _: answer(b"six")), address="::1") as served:
        [exchange] = got(engine, f"http://[::1]:{served.port}/", page=page)
        assert b"\r\nHost: [::1]:%d\r\n" % served.port in served.requests[0]
    engine.close()
    assert exchange.connection is not None
    assert (exchange.reason, exchange.connection.address) == (Reason.OK, "::1")


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
def test_a_host_that_no_certificate_can_name_is_a_failure_not_a_crash(host: str) -> None:
    engine = hostile.engine(host, limits=calm())
    with Served(lambda talk: talk.until_closed()) as served:
        [exchange] = got(engine, f"https://{host}:{served.port}/")
    engine.close()
    assert exchange.reason is Reason.MALFORMED_URL


def test_another_user_agent_may_be_asked_for() -> None:
    engine = hostile.engine(limits=calm(), user_agent="archive-bot/7")
    with Served(routing(lambda _: answer())) as served:
        got(engine, served.url())
        assert b"\r\nUser-Agent: archive-bot/7\r\n" in served.requests[0]
    engine.close()


@pytest.mark.parametrize("changes", [{"allow_net": ("rubbish",)}, {"resolve": ("rubbish",)}])
def test_rules_that_cannot_be_followed_are_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(JobError):
        hostile.engine(**changes) if "allow_net" in changes else StaticEngine(
            Rules(**changes), Surroundings(hostile.on_disk, lambda: dt.datetime.now(dt.UTC)), look_up=hostile.nobody
        )

"""Which addresses are connected to.  Nothing here connects: a look-up is a function that the test gives."""

import threading
import time
from collections.abc import Sequence

import pytest

import hostile
from muniment.errors import FetchError, JobError
from muniment.fetch import address
from muniment.fetch.address import Guard
from muniment.model import Reason
from muniment.rules import Rules

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def soon() -> float:
    return time.monotonic() + 5


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test off the system's resolver, also on the day when a guard breaks."""
    monkeypatch.setattr(address, "look_up_by_system", hostile.nobody)


def answering(*addresses: str) -> Guard:
    return Guard(Rules(), look_up=lambda _host, _port: addresses)


def refused(guard: Guard, host: str) -> FetchError:
    with pytest.raises(FetchError) as failure:
        guard.answer(host, 80, soon())
    return failure.value


FORBIDDEN = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "64:ff9b:1:ffff::127.0.0.1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused_as_a_host_and_as_an_answer(address: str) -> None:
    for failure in (refused(answering(), address), refused(answering(address), "site.example")):
        assert failure.reason == Reason.BLOCKED_ADDRESS
        assert "--allow-net" in failure.detail


NAMED = {
    "255.255.255.255": "broadcast",
    "100.100.100.200": "CGNAT",
    "169.254.169.254": "link-local",
    "192.88.99.1": "6to4",
    "224.0.0.1": "multicast",
    "0.0.0.0": "unspecified",
    "::": "unspecified",
    "::1": "loopback",
    "::127.0.0.1": "stands for 127.0.0.1",
    "::ffff:127.0.0.1": "stands for 127.0.0.1",
    "64:ff9b::127.0.0.1": "stands for 127.0.0.1",
    "2002:7f00:1::1": "stands for 127.0.0.1",
    "64:ff9b:1::1": "NAT64",
    "2001::1": "Teredo",
    "fd12::1": "ULA",
    "fe80::1": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "100::1": "reserved",
}


@pytest.mark.parametrize("address", NAMED)
def test_a_refusal_says_what_kind_of_address_it_is(address: str) -> None:
    assert NAMED[address] in refused(answering(address), "site.example").detail


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_6, "64:ff9b::" + PUBLIC, "2002:5db8:d70e::1"])
def test_a_public_address_is_answered(address: str) -> None:
    [(found, port)] = answering(address).answer("site.example", 8080, soon()).addresses
    assert port == 8080
    assert answering().answer(found, 8080, soon()).look is None


NUMERIC = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0.0.0x1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "0",
    "[::1]",
    "[::ffff:7f00:1]",
    "::ffff:127.0.0.3",
    "0:0:0:0:0:ffff:127.0.0.1",
    "[0:0::1]",
    "3232235521",
]


@pytest.mark.parametrize("host", NUMERIC)
def test_every_spelling_of_a_forbidden_address_is_seen_through_without_a_look_up(host: str) -> None:
    asked: list[str] = []
    guard = Guard(Rules(), look_up=lambda name, _port: asked.append(name) or [PUBLIC])  # type: ignore[func-returns-value]
    assert refused(guard, host).reason == Reason.BLOCKED_ADDRESS
    assert not asked


@pytest.mark.parametrize(
    "host", ["256.256.256.256", "1.2.3.4.5", "99999999999", "0x1ffffffff", "::g", "1::2::3", "a.1"]
)
def test_a_number_that_is_no_address_is_never_looked_up(host: str) -> None:
    assert refused(answering(PUBLIC), host).reason == Reason.MALFORMED_URL


def test_one_forbidden_address_among_the_answers_refuses_the_name_and_is_named() -> None:
    failure = refused(answering(PUBLIC, "127.0.0.2"), "site.example")
    assert failure.reason == Reason.BLOCKED_ADDRESS
    assert "127.0.0.2" in failure.detail
    assert "site.example" in failure.detail


def test_allow_net_opens_its_range_and_nothing_else() -> None:
    guard = Guard(Rules(allow_net=("127.0.0.2/32", "fd00::/8")))
    assert guard.answer("127.0.0.2", 80, soon()).addresses == (("127.0.0.2", 80),)
    assert guard.answer("[fd00::1]", 80, soon()).addresses == (("fd00::1", 80),)
    assert refused(guard, "127.0.0.3").reason == Reason.BLOCKED_ADDRESS
    # What is inside an address is what is judged, and what is connected to.
    assert guard.answer("::ffff:127.0.0.2", 80, soon()).addresses == (("127.0.0.2", 80),)


@pytest.mark.parametrize("text", ["", "localhost", "127.0.0.1/40", "10.0.0.0/8 ,", "::/129"])
def test_a_range_that_is_none_is_a_job_error_that_shows_a_good_one(text: str) -> None:
    with pytest.raises(JobError, match="allow-net"):
        Guard(Rules(allow_net=(text,)))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("site.example=127.0.0.1", ("127.0.0.1", 443)),
        ("site.example=127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("SITE.example.=127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("site.example=::1", ("::1", 443)),
        ("site.example=[::1]", ("::1", 443)),
        ("site.example=[::1]:8080", ("::1", 8080)),
    ],
)
def test_resolve_answers_a_name_without_a_look_up(rule: str, expected: tuple[str, int]) -> None:
    guard = Guard(Rules(resolve=(rule,), dns=False, allow_net=("127.0.0.0/8", "::1/128")))
    answer = guard.answer("site.example", 443, soon())
    assert answer.addresses == (expected,)
    assert answer.look is not None
    assert (answer.look.means, answer.look.answers) == ("resolve", (expected[0],))


def test_resolve_takes_international_names_in_either_spelling() -> None:
    guard = Guard(Rules(resolve=("bücher.example=127.0.0.1",), dns=False, allow_net=("127.0.0.0/8",)))
    assert guard.answer("xn--bcher-kva.example", 80, soon()).addresses == (("127.0.0.1", 80),)


def test_resolve_alone_opens_no_address() -> None:
    guard = Guard(Rules(resolve=("site.example=127.0.0.1",), dns=False))
    assert refused(guard, "site.example").reason == Reason.BLOCKED_ADDRESS


@pytest.mark.parametrize(
    "rule",
    ["", "site.example", "=127.0.0.1", "site.example=", "site.example=other.example", "site.example=127.0.0.1:0",
     "site.example=127.0.0.1:99999", "site.example=127.0.0.1:http", "site.example=[::1", "site.example=[::1]x",
     "site.example=[::1]:", "a b=127.0.0.1", "site.example=127.0.0.1:\u0661"],
)  # fmt: skip
def test_a_resolve_rule_that_is_none_is_a_job_error_that_shows_a_good_one(rule: str) -> None:
    with pytest.raises(JobError, match="resolve"):
        Guard(Rules(resolve=(rule,)))


def test_no_dns_refuses_every_other_name_without_asking() -> None:
    asked: list[str] = []
    guard = Guard(Rules(dns=False), look_up=lambda name, _port: asked.append(name) or [PUBLIC])  # type: ignore[func-returns-value]
    failure = refused(guard, "site.example")
    assert failure.reason == Reason.DNS
    assert "--no-dns" in failure.detail
    assert not asked


def test_a_look_up_that_hangs_ends_at_its_deadline() -> None:
    release = threading.Event()

    def hanging(_host: str, _port: int) -> Sequence[str]:
        release.wait(20)
        return [PUBLIC]

    guard = Guard(Rules(), look_up=hanging)
    with pytest.raises(FetchError) as failure:
        guard.answer("site.example", 80, time.monotonic() + 0.05)
    assert failure.value.reason == Reason.DNS
    release.set()


def test_a_look_up_that_hangs_ends_when_everything_is_stopped() -> None:
    begun, release = threading.Event(), threading.Event()

    def hanging(_host: str, _port: int) -> Sequence[str]:
        begun.set()
        release.wait(20)
        return [PUBLIC]

    guard = Guard(Rules(), look_up=hanging)
    threading.Thread(target=lambda: (begun.wait(10), guard.stop()), daemon=True).start()
    assert refused(guard, "site.example").reason == Reason.INTERRUPTED
    release.set()


def test_hung_look_ups_are_bounded_in_number() -> None:
    release = threading.Event()
    begun: list[str] = []

    def hanging(host: str, _port: int) -> Sequence[str]:
        begun.append(host)
        release.wait(20)
        return [PUBLIC]

    guard = Guard(Rules(), look_up=hanging)
    for number in range(70):
        with pytest.raises(FetchError):
            guard.answer(f"site{number}.example", 80, time.monotonic() + 0.002)
    release.set()
    assert len(begun) <= 64


@pytest.mark.parametrize(
    "failing", [OSError(-2, "Name or service not known"), UnicodeEncodeError("ascii", "é", 0, 1, "no")]
)
def test_a_name_that_is_not_found_says_so(failing: Exception) -> None:
    def look_up(_host: str, _port: int) -> Sequence[str]:
        raise failing

    failure = refused(Guard(Rules(), look_up=look_up), "site.example")
    assert failure.reason == Reason.DNS
    assert "site.example" in failure.detail


@pytest.mark.parametrize("answers", [(), ("rubbish",)])
def test_an_answer_without_an_address_is_a_failed_look_up(answers: tuple[str, ...]) -> None:
    assert refused(answering(*answers), "site.example").reason == Reason.DNS


def test_a_look_up_is_told_with_its_answers_and_its_time() -> None:
    look = answering(PUBLIC, PUBLIC, PUBLIC_6).answer("Site.Example.", 80, soon()).look
    assert look is not None
    assert (look.name, look.means, look.answers) == ("site.example", "system", (PUBLIC, PUBLIC_6))
    assert look.microseconds >= 0


def test_the_answers_of_a_resolver_are_bounded_in_number() -> None:
    many = answering(*(f"93.184.215.{number}" for number in range(200)))
    assert len(many.answer("site.example", 80, soon()).addresses) == 16

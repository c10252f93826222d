"""Which addresses a capture may connect to, and how a name becomes one: every address checked, none looked up twice.

Who connects, connects to an address out of an ``Answer`` and to no other; a name is asked again for each connection,
so that a resolver that changes its mind is judged anew.
"""

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from muniment.errors import FetchError, FormatError, JobError
from muniment.message.url import Url
from muniment.model import Look, Reason
from muniment.rules import Rules

__all__ = ["Answer", "Guard", "LookUp", "look_up_by_system"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LookUp = Callable[[str, int], Sequence[str]]
"""From a name and a port to the texts of its addresses; raises OSError."""

_MAX_ADDRESSES: Final = 16
_MAX_PENDING: Final = 64
_NUMBER: Final = r"(?:0[xX][0-9a-fA-F]*|[0-9]+)"
_SHORT_FORM: Final = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}")
# URL Standard 3.5, "ends in a number": such a host is an IPv4 address or nothing.
_ENDS_IN_NUMBER: Final = re.compile(rf"(?:.*\.)?{_NUMBER}", re.DOTALL)

# IANA IPv4 and IPv6 Special-Purpose Address Registries, and RFC 5771.
_REFUSED: Final = tuple(
    (ipaddress.ip_network(text), kind)
    for text, kind in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "an address inside a provider's network (CGNAT)"),
        ("127.0.0.0/8", "this machine itself (loopback)"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a reserved address (6to4 relay)"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an unspecified address"),
        ("::1/128", "this machine itself (loopback)"),
        ("64:ff9b:1::/48", "an address translated inside a local network (NAT64)"),
        ("fc00::/7", "a private address (ULA)"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a site-local address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/32", "a Teredo address, which hides another"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
    )
)
_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")  # RFC 4291 2.4, and IANA: all that is given out
_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4: Final = ipaddress.IPv6Network("2002::/16")


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a connection may go: checked pairs of address and port in order, and the look-up that gave them.

    ``look`` is None where the host is an address itself.
    """

    look: Look | None
    addresses: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Resolved:
    host: str
    address: str
    port: int | None


class Guard:
    """Judges every address by the rules of one capture; *look_up* asks for names that no rule answers."""

    def __init__(
        self, rules: Rules, look_up: LookUp | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the rules; raise JobError where ``allow_net`` or ``resolve`` are not what their flags ask for."""
        self._allowed = tuple(_network(text) for text in rules.allow_net)
        self._resolved = tuple(_resolved(text) for text in rules.resolve)
        self._dns = rules.dns
        self._look_up = look_up or look_up_by_system
        self._monotonic = monotonic
        # A hung resolver holds a thread until the system gives up; their number is bounded, not only their time.
        self._pending = threading.BoundedSemaphore(_MAX_PENDING)
        self._changed = threading.Condition()
        self._stopped = False

    def answer(self, host: str, port: int, until: float) -> Answer:
        """Return where *host* (a name or an address, without brackets) may be reached, by the monotonic *until*.

        Raises FetchError: ``blocked-address`` where any of its addresses is refused, ``dns`` where there is none in
        time or names are not looked up, ``malformed-url`` for a number that is no address.
        """
        wanted = _plain(host)
        fixed = [each for each in self._resolved if each.host == wanted]
        if fixed:
            pairs = [(ipaddress.ip_address(each.address), each.port or port) for each in fixed]
            look = Look(wanted, "resolve", tuple(each.address for each in fixed), 0)
            return Answer(look, tuple((self._checked(address, wanted), at) for address, at in pairs))
        literal = _literal(wanted)
        if literal is not None:
            return Answer(None, ((self._checked(literal, wanted), port),))
        if not self._dns:
            raise FetchError(
                Reason.DNS,
                f"{host} was not looked up, because names are not looked up (--no-dns) and no --resolve names it",
            )
        look = self._ask(wanted, port, until)
        return Answer(look, tuple((self._checked(_answered(text, wanted), wanted), port) for text in look.answers))

    def stop(self) -> None:
        """End every wait for a look-up, now and later, as interrupted."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _checked(self, address: Address, host: str) -> str:
        judged = _embedded(address)
        if not any(address in net or judged in net for net in self._allowed) and (kind := _refusal(judged)):
            named = str(address) if judged == address else f"{address} (which stands for {judged})"
            reached = "" if host == str(address) else f"{host} leads to {named}: "
            raise FetchError(
                Reason.BLOCKED_ADDRESS,
                f"{reached}{named} is {kind} and is never connected to unless --allow-net opens it",
            )
        # A mapped address would reach the IPv4 address anyway: say so, and connect to what was judged.
        return str(judged) if address in _MAPPED else str(address)

    def _ask(self, host: str, port: int, until: float) -> Look:
        """Look *host* up in a thread of its own, because getaddrinfo(3) knows no time limit."""
        begun = self._monotonic()
        if not self._pending.acquire(timeout=max(until - begun, 0)):
            raise FetchError(Reason.DNS, f"{host} was not looked up in time: too many look-ups hang already")
        found: list[Sequence[str] | OSError] = []

        def ask() -> None:
            answers: Sequence[str] | OSError = OSError("the look-up broke off")
            try:
                answers = self._look_up(host, port)
            except OSError as failure:
                answers = failure
            except ValueError as failure:  # a name that cannot be asked for
                answers = OSError(str(failure))
            finally:
                self._pending.release()
                with self._changed:
                    found.append(answers)
                    self._changed.notify_all()

        threading.Thread(target=ask, name="look-up", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: found or self._stopped, max(until - self._monotonic(), 0))
        if not found:
            if self._stopped:
                raise FetchError(Reason.INTERRUPTED, f"the capture was interrupted while {host} was looked up")
            raise FetchError(Reason.DNS, f"the name {host} was not found in time")
        taken = round((self._monotonic() - begun) * 1_000_000)
        answers = found[0]
        if isinstance(answers, OSError):
            raise FetchError(Reason.DNS, f"the name {host} was not found: {answers.strerror or answers}")
        unique = tuple(dict.fromkeys(answers))[:_MAX_ADDRESSES]
        if not unique:
            raise FetchError(Reason.DNS, f"the name {host} has no address")
        return Look(host, "system", unique, taken)


def look_up_by_system(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the system's resolver gives for *host*; without any bound of time."""
    # As octets, or Python would run its own, older rules for international names over it.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(each[4][0]) for each in found]


def _plain(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _literal(host: str) -> Address | None:
    """Return the address that *host* is in any form that a resolver reads as one; None for a name."""
    try:
        return _without_scope(ipaddress.ip_address(host))
    except ValueError:
        pass
    if _ENDS_IN_NUMBER.fullmatch(host):
        # inet_aton(3): decimal, octal, hexadecimal, short; getaddrinfo(3) would read these, too.
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host if _SHORT_FORM.fullmatch(host) else ""))
        except OSError:
            raise FetchError(Reason.MALFORMED_URL, f"{host} ends in a number, but is no address") from None
    if ":" in host:
        raise FetchError(Reason.MALFORMED_URL, f"{host} is no IPv6 address")
    return None


def _without_scope(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        return ipaddress.IPv6Address(int(address))
    return address


def _answered(text: str, host: str) -> Address:
    try:
        return _without_scope(ipaddress.ip_address(text))
    except ValueError:
        raise FetchError(Reason.DNS, f"the name {host} was answered by {text[:60]!r}, which is no address") from None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address inside *address* where one is, else *address*: RFC 4291 2.5.5, 6052 2.1, 3056 2."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _MAPPED or address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if address in _6TO4:
            return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address


def _refusal(address: Address) -> str:
    """Return what *address* is where it is no public one, or an empty text."""
    kind = next((kind for net, kind in _REFUSED if address in net), "")
    if not kind and isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL:
        return "a reserved address"
    return kind


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise JobError(
            f"--allow-net {text!r} is not a range of addresses; write it like 192.168.0.0/16 or fd00::/8"
        ) from None


def _resolved(text: str) -> _Resolved:
    host, equals, place = text.partition("=")
    address, port = _place(place.strip())
    try:
        name = Url.parse(f"http://{host.strip()}/").host
    except FormatError:
        name = ""
    if not equals or not name or address is None or port == 0:
        raise JobError(
            f"--resolve {text!r} is not HOST=ADDRESS or HOST=ADDRESS:PORT; write it like example.org=127.0.0.1:8080 "
            "or example.org=[::1]:8080"
        )
    return _Resolved(_plain(name), str(address), port)


def _place(text: str) -> tuple[Address | None, int | None]:
    """Return the address and the port that *text* names; port 0 or no address where it is malformed."""
    if text.startswith("["):
        bare, closed, after = text[1:].partition("]")
        port = None if closed and not after else after.removeprefix(":") if after.startswith(":") else ""
    elif text.count(":") == 1:
        bare, _, port = text.partition(":")
    else:
        bare, port = text, None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None, None
    if port is None:
        return address, None
    valid = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 1 << 16
    return address, int(port) if valid else 0

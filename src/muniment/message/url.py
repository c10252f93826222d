"""What a URL means, read as a browser reads it (WHATWG URL Standard); the only door to ``ada_url``."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Self

from ada_url import URL, idna_to_unicode

from muniment.errors import FormatError

__all__ = ["MAX_URL", "Url", "join", "spoken"]

#: The longest URL that is read, in octets of UTF-8: more than any server takes, less than a page embeds as data.
MAX_URL: Final = 64 * 1024

# URL Standard 4.2: the default ports of special schemes.
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_PORT: Final = re.compile(r"(?<!:):([^:\]]*)\Z")
_SPECIAL_HOST: Final = re.compile(r"(?:https?|wss?|ftp):[/\\]*([^/\\?#]*)", re.IGNORECASE)
_SPACES: Final = " \t\r\n\f"


@dataclass(frozen=True, slots=True)
class Url:
    """One absolute URL in its normal form, never with a user name or password in it.

    ``href`` is the whole without its fragment, and what two URLs are compared by. ``host`` is ASCII (a name as
    punycode, an IPv6 address without brackets) and empty where the scheme has none. ``port`` is the one to connect
    to; 0 where the scheme has no default and none is given. ``authority`` is the value of the Host field, ``target``
    the request target (path and query; RFC 9112 3.2.1). Nothing is promised about what lies behind it: schemes
    other than http, and private addresses, are URLs too.
    """

    href: str
    fragment: str | None
    scheme: str
    host: str
    port: int
    authority: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the URL that a person or a file gave as *text*; white space around it is ignored.

        Stricter than a browser, because nobody sees what a browser silently drops: raises FormatError for control
        characters inside, for a user name or password, and for anything that is not an absolute URL.
        """
        bare = text.strip(_SPACES)
        _bounded(bare)
        if _SURROGATE.search(bare):
            raise _refusal(bare, "a URL of Unicode characters", "half of a character (a lone surrogate)")
        if found := _CONTROL.search(bare):
            raise _refusal(
                bare,
                "a URL without control characters",
                f"U+{ord(found[0]):04X} at character {found.start() + 1}; check how it was copied",
            )
        parsed = _parsed(bare, None)
        if parsed.username or parsed.password:
            # The password itself stays out of the message: messages end up in logs.
            raise _refusal(
                f"{parsed.protocol}//…@{parsed.host}",
                "a URL without user name and password (they would be kept in the evidence for ever)",
                "one before the host; take out everything between // and @",
            )
        return cls._of(parsed, bare)

    @classmethod
    def _of(cls, parsed: URL, text: str) -> Self:
        """Return the value that the library's object *parsed* stands for, without credentials."""
        if parsed.username or parsed.password:
            parsed.username = ""
            parsed.password = ""
        whole, mark, fragment = parsed.href.partition("#")
        if len(whole) > MAX_URL:
            raise _refusal(text, f"at most {MAX_URL} octets", f"{len(whole)} octets in its normal form")
        scheme, hostname, authority = parsed.protocol[:-1], parsed.hostname, parsed.host
        _judge_punycode(hostname, text)
        # The library cannot tell an empty query from none; the request target of the two differs by a "?".
        target = parsed.pathname + (parsed.search or "?" * whole.endswith("?"))
        return cls(
            href=whole,
            fragment=fragment if mark else None,
            scheme=scheme,
            host=hostname.removeprefix("[").removesuffix("]"),
            port=int(parsed.port) if parsed.port else _DEFAULT_PORTS.get(scheme, 0),
            authority=authority,
            target=target,
        )


def join(base: Url | str, reference: str) -> Url:
    """Return the URL that *reference* means in a page whose base URL is *base*, as a browser resolves it.

    Tabs and line ends inside are dropped, as URL Standard 4.4 says; so are user name and password, which no
    page may make us send. Raises FormatError naming the reference.
    """
    whole = _SURROGATE.sub("\ufffd", reference)
    _bounded(whole)
    return Url._of(_parsed(whole, base.href if isinstance(base, Url) else base), whole)  # noqa: SLF001


def spoken(host: str) -> str:
    """Return *host* as it may be shown to people: the ASCII form first, then what it imitates, and a warning.

    A host of plain ASCII comes back as it is. Look-alikes inside one script (rn for m) are not noticed.
    """
    # Only ASCII is punycode; a host from elsewhere than a Url may be anything.
    written = idna_to_unicode(host) if "xn--" in host and host.isascii() else host
    if written.isascii() and written.isprintable():
        return host
    letters = "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in written)
    ascii_form = "".join(c if c.isascii() and c.isprintable() else f"<U+{ord(c):04X}>" for c in host)
    labels = [_scripts(label) for label in written.split(".") if not label.isascii()]
    mixed = next((scripts for scripts in labels if len(scripts) > 1), None)
    single = ", ".join(script for scripts in labels for script in scripts) or "no"
    warning = f"mixes {' and '.join(mixed)} letters" if mixed else f"in {single} letters"
    return f"{ascii_form} [written {letters}, {warning}]"


def _scripts(label: str) -> list[str]:
    """Return the scripts of the letters in *label*, sorted: the first word of each letter's Unicode name."""
    return sorted({unicodedata.name(c, "unnamed").split(" ")[0].title() for c in label if c.isalpha()})


def _bounded(text: str) -> None:
    if len(text) > MAX_URL or len(text.encode("utf-8", "replace")) > MAX_URL:
        raise _refusal(text, f"at most {MAX_URL} octets", f"{len(text)} characters")


def _parsed(text: str, base: str | None) -> URL:
    """Return the library's reading of *text*; raise FormatError with the likeliest reason in words."""
    try:
        return URL(text, base)
    except ValueError:
        raise _refusal(text, *_why(text, base)) from None


def _why(text: str, base: str | None) -> tuple[str, str]:
    """Return what was expected and what was found in *text*, which is known to be malformed."""
    if not text:
        return "a URL such as https://example.org/", "nothing"
    if base is None and not _SCHEME.match(text):
        return "a URL that begins with its scheme, such as https://", "no scheme"
    authority = _SPECIAL_HOST.match(text.lstrip(_SPACES))
    host = authority[1].rpartition("@")[2] if authority else ""
    if authority and not host.strip(_SPACES):
        return "a host after the scheme, such as https://example.org/", "none"
    if "[" in host or "]" in host:
        return "a host name or address that exists", "an IPv6 address that is malformed"
    if (port := _PORT.search(host)) and not (port[1].isdecimal() and int(port[1][:6]) < 1 << 16):
        return "a port from 0 to 65535", repr(port[1][:20])
    return "a well-formed URL", f"a host that no browser accepts: {host[:80]!r}" if host else "a malformed one"


def _judge_punycode(hostname: str, text: str) -> None:
    """Refuse labels that claim to be punycode and are not; the library's parser lets some pass (UTS 46 4.1)."""
    for label in hostname.split(".") if "xn--" in hostname else ():
        if label.startswith("xn--") and idna_to_unicode(label) == label:
            raise _refusal(text, "a host name that can exist", f"the malformed label {label[:80]!r}")


def _refusal(text: str, expected: str, found: str) -> FormatError:
    # repr() escapes what is not printable, so that a hostile URL cannot write on a terminal.
    shown = repr(text if len(text) <= 200 else text[:200] + "…")
    return FormatError(f"the URL {shown}", expected=expected, found=found)

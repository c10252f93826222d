"""The cookies of one capture (RFC 6265): taken from verified peers, sent back to whom they are for, and bounded.

The archivist may bring some in a file, as ``cookies.txt``: the format of Netscape, which browsers' add-ons export.
"""

import email.message
import re
import threading
import urllib.request
import warnings
from collections.abc import Iterable
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy, MozillaCookieJar
from pathlib import Path
from typing import Any, Final

from muniment.errors import JobError

__all__ = ["Cookies", "brought"]

_MAX_COOKIES: Final = 1000
_MAX_FIELD: Final = 8 << 10
_MAX_FILE: Final = 4 << 20
# RFC 6265 4.1.1 allows none of these; one of them would make every later request unsendable.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

# A Set-Cookie that the jar stumbles over is left, as it should be; but it warns with a traceback, and a server that
# sends "Max-Age" without a value, or the month of Jen, would write on the terminal of whoever captures.
warnings.filterwarnings("ignore", message="http.cookiejar bug!", category=UserWarning)


def brought(path: str) -> tuple[Cookie, ...]:
    """Return the cookies in the file *path* that have not expired; JobError where it holds none or is no such file."""
    jar = MozillaCookieJar()
    try:
        if Path(path).stat().st_size > _MAX_FILE:
            raise JobError(f"{path}: a file of cookies has no more than {_MAX_FILE >> 20} MiB (--cookies)")
        with warnings.catch_warnings(
            action="ignore"
        ):  # it warns with a traceback, and then says that it is no such file
            jar.load(path, ignore_discard=True, ignore_expires=True)
    except OSError as failure:
        why = f"{path}: the cookies could not be read (--cookies): {failure.strerror or 'it is no cookies.txt'}"
        raise JobError(f"{why}. Export them in the Netscape format, one cookie a line, with tabs between") from None
    except UnicodeDecodeError:
        raise JobError(f"{path}: the cookies could not be read (--cookies): it is no text") from None
    every = list(jar)
    for each in every:
        if not each.expires:  # 0 stands for a cookie of a session, which is not one of 1970
            each.expires, each.discard = None, True
    found = tuple(each for each in every if not each.is_expired() and not _CONTROL.search(f"{each.name}{each.value}"))
    if not found:
        raise JobError(f"{path}: holds no cookie that is valid today (--cookies): export them anew")
    return found[:_MAX_COOKIES]


class _Answer:
    """The fields of an answer as ``http.cookiejar`` wants to read them."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self._message = email.message.Message()
        for value in values:
            self._message["Set-Cookie"] = value

    def info(self) -> email.message.Message:
        return self._message


class Cookies:
    """One jar for all threads of a capture, with what the archivist brought in the file *path*, if any.

    Nothing of it outlives the capture. Raises JobError where the file cannot be used.
    """

    def __init__(self, path: str = "") -> None:
        # "strict_domain" keeps a page under co.uk from setting a cookie for all of co.uk; the other gives a cookie
        # without a domain back to its own host alone (RFC 6265 5.3, 6: host-only-flag).
        strict = DefaultCookiePolicy.DomainStrictNonDomain
        self._jar = CookieJar(DefaultCookiePolicy(rfc2965=False, strict_domain=True, strict_ns_domain=strict))
        self._lock = threading.Lock()
        self.bring(brought(path) if path else ())

    def all(self) -> tuple[Cookie, ...]:
        """Return every cookie that there is."""
        with self._lock:
            return tuple(self._jar)

    def bring(self, cookies: Iterable[Cookie]) -> None:
        """Take *cookies* in, as far as there is room, such as those that a browser got."""
        with self._lock:
            for each in cookies:
                if len(self._jar) < _MAX_COOKIES and not _CONTROL.search(f"{each.name}{each.value}"):
                    self._jar.set_cookie(each)

    def file(self) -> bytes:
        """Return a ``cookies.txt`` of every cookie that there is."""
        lines = ["# Netscape HTTP Cookie File"]
        for each in self.all():
            below, secure = ("TRUE" if flag else "FALSE" for flag in (each.domain.startswith("."), each.secure))
            expires = str(int(each.expires)) if each.expires else "0"
            lines.append("\t".join((each.domain, below, each.path, secure, expires, each.name, each.value or "")))
        return "\n".join([*lines, ""]).encode("utf-8", "replace")

    def field(self, url: str) -> str:
        """Return the value of the Cookie field for a request to *url*; empty where there is nothing to send."""
        request = urllib.request.Request(url)  # noqa: S310 - a value for the jar; nothing is opened
        with self._lock:
            self._jar.add_cookie_header(request)
        value = request.get_header("Cookie", "") or ""
        return value if len(value) <= _MAX_FIELD else ""

    def take(self, url: str, fields: tuple[tuple[str, str], ...]) -> None:
        """Keep what the answer to *url* sets; what is malformed or too much is left."""
        values = tuple(value for name, value in fields if name.lower() == "set-cookie")
        values = tuple(value for value in values if len(value) <= _MAX_FIELD and not _CONTROL.search(value))
        if not values:
            return
        request = urllib.request.Request(url)  # noqa: S310 - a value for the jar; nothing is opened
        with self._lock:
            if len(self._jar) + len(values) <= _MAX_COOKIES:
                answer: Any = _Answer(values)
                self._jar.extract_cookies(answer, request)

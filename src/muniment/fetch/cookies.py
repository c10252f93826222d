"""The cookies of one capture (RFC 6265): taken from verified peers, sent back to whom they are for, and bounded."""

import email.message
import re
import threading
import urllib.request
import warnings
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

__all__ = ["Cookies"]

_MAX_COOKIES: Final = 1000
_MAX_FIELD: Final = 8 << 10
# RFC 6265 4.1.1 allows none of these; one of them would make every later request unsendable.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")

# A Set-Cookie that the jar stumbles over is left, as it should be; but it warns with a traceback, and a server that
# sends "Max-Age" without a value, or the month of Jen, would write on the terminal of whoever captures.
warnings.filterwarnings("ignore", message="http.cookiejar bug!", category=UserWarning)


class _Answer:
    """The fields of an answer as ``http.cookiejar`` wants to read them."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self._message = email.message.Message()
        for value in values:
            self._message["Set-Cookie"] = value

    def info(self) -> email.message.Message:
        return self._message


class Cookies:
    """One jar for all threads of a capture; nothing of it outlives the capture."""

    def __init__(self) -> None:
        # "strict_domain" keeps a page under co.uk from setting a cookie for all of co.uk.
        self._jar = CookieJar(DefaultCookiePolicy(rfc2965=False, strict_domain=True))
        self._lock = threading.Lock()

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

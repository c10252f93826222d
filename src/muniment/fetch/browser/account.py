"""The cookies of a browser: those that it is given before the page is opened, those that it has in the end."""

import contextlib
from collections.abc import Iterable, Iterator
from http.cookiejar import Cookie
from typing import Any, Final

from muniment.fetch.browser.devtools import CommandError, DevTools

__all__ = ["give", "taken"]

_HTTP_ONLY: Final = "HTTPOnly"  # as http.cookiejar calls it


def give(devtools: DevTools, cookies: Iterable[Cookie]) -> None:
    """Let the browser have *cookies*; one that it refuses, such as one with a forbidden name, it does not send."""
    for each in cookies:
        with contextlib.suppress(CommandError):
            devtools.ask("Storage.setCookies", {"cookies": [_told(each)]})


def taken(devtools: DevTools) -> Iterator[Cookie]:
    """Yield the cookies that the browser has."""
    for each in devtools.ask("Storage.getCookies").get("cookies", []):
        yield _understood(each)


def _told(cookie: Cookie) -> dict[str, Any]:
    # A cookie of one host alone has no domain, and a URL in its place.
    origin = f"{'https' if cookie.secure else 'http'}://{cookie.domain}/"
    place = {"domain": cookie.domain} if cookie.domain.startswith(".") else {"url": origin}
    expires = {"expires": cookie.expires} if cookie.expires else {}
    return {
        "name": cookie.name,
        "value": cookie.value or "",
        "path": cookie.path,
        "secure": cookie.secure,
        "httpOnly": cookie.has_nonstandard_attr(_HTTP_ONLY),
        **place,
        **expires,
    }


def _understood(said: dict[str, Any]) -> Cookie:
    domain, session = str(said["domain"]), bool(said.get("session"))
    below = domain.startswith(".")
    return Cookie(
        version=0,
        name=str(said["name"]),
        value=str(said["value"]),
        port=None,
        port_specified=False,
        domain=domain,
        domain_specified=below,
        domain_initial_dot=below,
        path=str(said["path"]),
        path_specified=True,
        secure=bool(said["secure"]),
        expires=None if session else int(said["expires"]),
        discard=session,
        comment=None,
        comment_url=None,
        rest={_HTTP_ONLY: ""} if said.get("httpOnly") else {},
    )

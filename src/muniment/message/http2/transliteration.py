"""HTTP/2 messages put into the words of HTTP/1.1 for a WARC block, and the exact facts for the record beside it.

It is a transliteration and says so: the order and the duplicates of the fields are those that were decoded, no length
is invented, cookies stay in as many lines as they came in (RFC 9113 8.2.3 would join them). What HTTP/1.1 cannot
carry never becomes a line of its own:

- in a value CR, LF and NUL are each written as a space (RFC 9110 5.5);
- a field whose name is no token is left out, and so are Transfer-Encoding, which would claim a coding that the body
  does not have, and a Host beside ``:authority``;
- octets of a path that are not visible ASCII are percent-encoded.

``departures`` names the fields that this concerns; ``facts`` holds all of them as they were.
"""

import re
from collections.abc import Iterable
from typing import Final

from muniment.canonical import encode_base64
from muniment.errors import FormatError
from muniment.message.events import (
    Closed,
    Ending,
    Event,
    Field,
    Fields,
    GoAway,
    Interim,
    Oddity,
    RequestHead,
    ResponseHead,
    Trailers,
)

__all__ = ["departures", "facts", "pseudo", "request_octets", "response_octets"]

_TOKEN: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_ENDS_A_LINE: Final = re.compile(rb"[\r\n\x00]")
_INVISIBLE: Final = re.compile(rb"[^\x21-\x7e]")
_PSEUDO: Final = frozenset({b":method", b":scheme", b":authority", b":path", b":protocol", b":status"})


def pseudo(fields: Fields, name: bytes) -> bytes:
    """Return the value of the first pseudo-field *name*, empty where there is none."""
    return next((field.value for field in fields if field.name == name), b"")


def request_octets(fields: Fields) -> bytes:
    """Return the head of the request that *fields* make, ``:authority`` as its first field, host.

    A CONNECT that names a path (RFC 8441) keeps it as its target. Raises FormatError where the method is no token,
    or there is nothing to ask for.
    """
    method = pseudo(fields, b":method")
    authority = pseudo(fields, b":authority")
    target = pseudo(fields, b":path") or (authority if method == b"CONNECT" else b"")
    if not _TOKEN.fullmatch(method):
        raise FormatError("the request", expected="a method", found=repr(method[:40]))
    if not target:
        raise FormatError("the request", expected="a path", found="none")
    target = _INVISIBLE.sub(lambda octet: b"%%%02X" % octet[0][0], target)
    host = _line(Field(b"host", authority)) if authority else b""
    return b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, target, host, _lines(fields, authority))


def response_octets(fields: Fields) -> bytes:
    """Return the head of the response that *fields* make, its reason phrase empty.

    Raises FormatError where the status is not one of three digits.
    """
    status = pseudo(fields, b":status")
    if not _STATUS.fullmatch(status):
        raise FormatError("the response", expected="a status of three digits", found=repr(status[:40]))
    return b"HTTP/1.1 %s \r\n%s\r\n" % (status, _lines(fields, b""))


def departures(fields: Fields) -> tuple[bytes, ...]:
    """Return the names of the *fields* that a block does not hold as they were decoded, pseudo-fields aside."""
    seen: set[bytes] = set()
    found = []
    authority = pseudo(fields, b":authority")
    for field in fields:
        if field.name[:1] == b":":
            odd = field.name not in _PSEUDO or field.name in seen
            odd = odd or bool(_INVISIBLE.search(field.value))
            seen.add(field.name)
        elif field.name == b"host":
            odd = bool(authority) and field.value != authority
        else:
            odd = not _carried(field, authority) or bool(_ENDS_A_LINE.search(field.value))
        if odd:
            found.append(field.name)
    return tuple(found)


def facts(events: Iterable[Event]) -> dict[str, object]:
    """Return, for canonical JSON, what the *events* of one stream say that its blocks cannot.

    Fields stand in their order as ``[name, value]``, with ``"never-indexed"`` after those whose sender asked for it;
    text is UTF-8, other octets are ``{"base64": …}``. Keys without a value are left out. Bodies are passed over.
    """
    found: dict[str, object] = {}
    interim: list[object] = []
    odd: list[object] = []
    for event in events:
        if not isinstance(event, GoAway):
            found["stream"] = event.stream
        match event:
            case RequestHead():
                found["request"] = _listed(event.fields)
                if event.promised_on:
                    found["promised_on"] = event.promised_on
            case Interim():
                interim.append(_listed(event.fields))
            case Oddity():
                said = {"sender": event.sender.value, "fault": event.fault}
                odd.append(said | ({"fields": _listed(event.fields)} if event.fields else {}))
            case ResponseHead():
                found["response"] = _listed(event.fields)
            case Trailers():
                found[f"{event.sender}_trailers"] = _listed(event.fields)
            case Closed(ending=Ending.RESET) if event.reset_by is not None:
                found["reset"] = {"by": event.reset_by.value, "code": event.code}
            case _:
                pass
    lists = {"interim": interim, "odd": odd}
    return found | {name: value for name, value in lists.items() if value}


def _carried(field: Field, authority: bytes) -> bool:
    """Whether a block has a line for *field*."""
    if not _TOKEN.fullmatch(field.name):
        return False
    name = field.name.lower()
    return name != b"transfer-encoding" and not (name == b"host" and authority)


def _lines(fields: Fields, authority: bytes) -> bytes:
    return b"".join(_line(field) for field in fields if _carried(field, authority))


def _line(field: Field) -> bytes:
    return b"%s: %s\r\n" % (field.name, _ENDS_A_LINE.sub(b" ", field.value))


def _listed(fields: Fields) -> list[object]:
    return [
        [_text(field.name), _text(field.value), *(["never-indexed"] if field.never_indexed else [])] for field in fields
    ]


def _text(octets: bytes) -> object:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": encode_base64(octets)}

"""Parsers that do what no parser may do: they show that the hunt would see it."""

import os
import signal
import warnings
from typing import Final

from muniment.errors import FormatError
from parsers import Parser

__all__ = ["PARSERS"]

_SEEDS: Final = (b"harmless", b"harmful")


def _is_harmful(octets: bytes) -> bool:
    return octets == _SEEDS[1]


def _hangs(octets: bytes) -> None:
    while _is_harmful(octets):
        pass


def _dies(octets: bytes) -> None:
    if _is_harmful(octets):
        os.kill(os.getpid(), signal.SIGSEGV)


def _floods(octets: bytes) -> None:
    if _is_harmful(octets):
        bytearray(8 << 30)


def _raises(octets: bytes) -> None:
    if _is_harmful(octets):
        raise KeyError(octets)


def _exits(octets: bytes) -> None:
    if _is_harmful(octets):
        raise SystemExit(0)


def _warns(octets: bytes) -> None:
    if _is_harmful(octets):
        warnings.warn("a bug", stacklevel=1)


def _refuses(octets: bytes) -> None:
    if _is_harmful(octets):
        raise FormatError("here", expected="something else", found=repr(octets))


PARSERS: Final = {
    "hangs": Parser(_SEEDS, (), _hangs),
    "dies": Parser(_SEEDS, (), _dies),
    "floods": Parser(_SEEDS, (), _floods),
    "raises": Parser(_SEEDS, (), _raises),
    "exits": Parser(_SEEDS, (), _exits),
    "warns": Parser(_SEEDS, (), _warns),
    "refuses": Parser(_SEEDS, (), _refuses),
    "refuses what once did harm": Parser(_SEEDS[:1], (), _refuses, found=_SEEDS[1:]),
}

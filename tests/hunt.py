"""A parser alone in a process with bounded memory, fed damaged documents until one does harm.

The process can be killed, run out of memory or die in a library of C: whoever waits for it knows the number of the
input by then, and by that number the input is made again.
"""

import base64
import importlib
import multiprocessing
import os
import resource
import traceback
import warnings
from ctypes import c_int64
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import pytest

from damage import damaged

__all__ = ["STILL", "hunted"]

STILL: Final = 60.0
"""Seconds that one input may take before it counts as a hang. No measure of speed: the slowest takes a hundredth."""
_MEMORY: Final = 2 << 30

# The server is started clean, without the threads of whoever runs the tests, and imports the parsers once for all.
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "hunt", "parsers"])
_NOT_BEGUN: Final = -1


def _start_server() -> None:
    # Python 3.11 starts it with the path of its environment only, and passes in silence over what it cannot import.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        forkserver.ensure_running()


def hunted(table: str, name: str, count: int, still: float = STILL) -> str:
    """Return what one of the first *count* inputs did that it may not do; empty where none did anything.

    They are inputs of the parser *name* in PARSERS of the module *table*.
    """
    _start_server()
    at = _FORKS.RawValue(c_int64, _NOT_BEGUN)
    receiving, sending = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_hunt, args=(table, name, count, at, sending), daemon=True)
    process.start()
    sending.close()
    try:
        before = _NOT_BEGUN
        while not receiving.poll(still):
            if at.value == before != _NOT_BEGUN:
                return _told(table, name, before, f"gave no answer in {still:g} seconds")
            before = at.value
        fault: str = receiving.recv()
    except EOFError:
        process.join()
        return _told(table, name, at.value, f"ended its process with status {process.exitcode}")
    else:
        return _told(table, name, at.value, fault) if fault else ""
    finally:
        process.kill()
        process.join()


def _parser(table: str, name: str) -> Any:
    return importlib.import_module(table).PARSERS[name]


def _input(parser: Any, name: str, number: int) -> bytes:
    return damaged(name, number, (*parser.seeds, *parser.found), parser.words)


def _hunt(table: str, name: str, count: int, at: Any, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error", append=True)  # whatever would be shown on somebody's terminal
    parser = _parser(table, name)
    for number in range(count):
        at.value = number
        octets = _input(parser, name, number)
        try:
            parser.read(octets)
        except parser.refusals as refusal:
            if number < len(parser.seeds):
                answer.send(f"refused a valid document: {refusal}")
                return
        except BaseException:  # noqa: BLE001 - whatever it is, it is told; nothing goes on after it
            answer.send(traceback.format_exc())
            return
    answer.send("")


def _told(table: str, name: str, number: int, fault: str) -> str:
    octets = base64.b64encode(_input(_parser(table, name), name, number)).decode("ascii")
    return f"{name}, input {number}: {fault}\nTo keep it, put this into its `found`: b64decode({octets!r})"

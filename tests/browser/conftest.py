"""Every test of a browser runs where loopback is all there is, as far as the system allows."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import loopback_only

_CLONE_NEWNET = 0x40000000


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Take this thread, and what it starts, off the network, and back when the test is over; root may."""
    if os.geteuid() != 0 or not Path("/proc/thread-self/ns/net").exists():
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        loopback_only.enter()
        loopback_only.refuse_unless_alone()
        yield
    finally:
        assert ctypes.CDLL(None, use_errno=True).setns(before, _CLONE_NEWNET) == 0
        os.close(before)

"""Every test of a browser runs where loopback is all there is, as far as the system allows."""

from collections.abc import Iterator

import pytest

import loopback_only


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Take this thread, and what it starts, off the network, and back when the test is over; root may."""
    with loopback_only.alone():
        yield

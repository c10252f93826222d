"""Whatever a stranger sends is read or refused by name: no traceback, no hang, no flood, no dead process."""

import pytest

from conftest import times
from damage import LARGEST, damaged
from hunt import STILL, hunted
from parsers import PARSERS

INPUTS = times(250, 100_000)
HARM = {
    "hangs": "gave no answer in 0.2 seconds",
    "dies": "ended its process with status -11",
    "floods": "MemoryError",
    "raises": "KeyError: b'harmful'",
    "exits": "SystemExit: 0",
    "warns": "UserWarning: a bug",
    "refuses": "refused a valid document: here: expected something else",
}


@pytest.mark.timeout(0)  # the hunt has a watchdog of its own, which names the input
@pytest.mark.parametrize("name", PARSERS)
def test_damaged_documents_are_read_or_refused_and_nothing_else_happens(name: str) -> None:
    assert not hunted("parsers", name, INPUTS)


@pytest.mark.parametrize("name", HARM)
def test_the_hunt_names_the_input_that_did_harm_and_what_it_did(name: str) -> None:
    told = hunted("culprits", name, 1000, still=0.2 if name == "hangs" else STILL)
    assert told.startswith(f"{name}, input 1: ")
    assert HARM[name] in told
    assert told.endswith("b64decode('aGFybWZ1bA==')")


def test_what_once_did_harm_is_tried_and_may_be_refused() -> None:
    assert hunted("culprits", "refuses what once did harm", 2) == ""


@pytest.mark.parametrize("name", PARSERS)
def test_damage_is_the_same_in_every_run_and_hardly_ever_the_same_twice(name: str) -> None:
    parser = PARSERS[name]
    made = [damaged(name, number, parser.seeds, parser.words) for number in range(500)]
    assert made[: len(parser.seeds)] == list(parser.seeds)
    assert made == [damaged(name, number, parser.seeds, parser.words) for number in range(500)]
    assert max(map(len, made)) <= LARGEST
    assert len(set(made)) > 300

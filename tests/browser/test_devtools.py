"""The protocol itself, against a browser that says what a test scripts."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from muniment.errors import FetchError
from muniment.fetch.browser import devtools
from muniment.fetch.browser.devtools import CommandError, DevTools
from muniment.model import Reason


class Scripted:
    """The other end of the pipes: *answer* gets each command and returns the octets that go back, None to leave."""

    def __init__(self, answer: Callable[[dict[str, Any]], bytes | None]) -> None:
        commands, ours_out = os.pipe()
        ours_in, answers = os.pipe()
        ours_errors, self.errors = os.pipe()
        self.devtools = DevTools(ours_in, ours_out, ours_errors)
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, args=(commands, answers), daemon=True)
        self._thread.start()

    def _serve(self, commands: int, answers: int) -> None:
        with open(commands, "rb") as asked, open(answers, "wb", buffering=0) as said:
            held = b""
            while octets := os.read(asked.fileno(), 65536):
                *whole, held = (held + octets).split(b"\0")
                for each in whole:
                    reply = self._answer(json.loads(each))
                    if reply is None:
                        return
                    try:
                        said.write(reply)
                    except BrokenPipeError:
                        return

    def close(self) -> None:
        self.devtools.close()
        self._thread.join(10)
        os.close(self.errors)


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[dict[str, Any]], bytes | None]], DevTools]]:
    made: list[Scripted] = []

    def make(answer: Callable[[dict[str, Any]], bytes | None]) -> DevTools:
        made.append(Scripted(answer))
        return made[-1].devtools

    yield make
    for each in made:
        each.close()


def reply(number: int, **result: object) -> bytes:
    return json.dumps({"id": number, "result": result}).encode() + b"\0"


def event(method: str) -> bytes:
    return json.dumps({"method": method, "params": {}, "sessionId": "s"}).encode() + b"\0"


def test_events_before_an_answer_reach_their_listeners_in_order(scripted: Any) -> None:
    browser = scripted(lambda asked: event("A.one") + event("A.two") + reply(asked["id"], value=asked["params"]["of"]))
    heard: list[str] = []
    browser.hear(lambda each: heard.append(f"{each.session} {each.method}"))
    assert browser.ask("Some.thing", {"of": "ж" * 100_000}) == {"value": "ж" * 100_000}
    assert heard == ["s A.one", "s A.two"]


def test_an_answer_that_comes_too_late_is_not_taken_for_another(scripted: Any) -> None:
    browser = scripted(lambda asked: b"" if asked["id"] == 1 else reply(1, late=True) + reply(asked["id"], own=True))
    with pytest.raises(FetchError) as raised:
        browser.ask("First.one", seconds=0.1)
    assert raised.value.reason == Reason.TIMEOUT
    assert browser.ask("Second.one") == {"own": True}


def test_a_refusal_is_told_in_the_browsers_words(scripted: Any) -> None:
    browser = scripted(lambda asked: json.dumps({"id": asked["id"], "error": {"message": "No such"}}).encode() + b"\0")
    with pytest.raises(CommandError, match=r"refused Some\.thing: No such"):
        browser.ask("Some.thing")


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (None, "the browser is gone"),
        (b"garbage\0", "no message of the DevTools protocol"),
        (b"[" * 100_000 + b"\0", "no message of the DevTools protocol"),
        (b"{" + b" " * (2 << 20), "more than 1 MiB"),
        (b"[1]\0", "no message of the DevTools protocol"),
        (b"{}\0", "no message of the DevTools protocol"),
    ],
    ids=["gone", "garbage", "deep", "endless", "no-object", "empty"],
)
def test_a_browser_that_breaks_the_protocol_is_given_up_for_good(
    scripted: Any, monkeypatch: pytest.MonkeyPatch, said: bytes | None, word: str
) -> None:
    monkeypatch.setattr(devtools, "_LARGEST", 1 << 20)
    browser = scripted(lambda _: said)
    for _ in range(2):
        with pytest.raises(FetchError, match=word) as raised:
            browser.ask("Some.thing")
        assert raised.value.reason == Reason.ENGINE_CRASH


def test_an_event_in_a_form_that_is_not_known_is_a_failure_with_a_name(scripted: Any) -> None:
    browser = scripted(lambda asked: event("Network.requestWillBeSent") + reply(asked["id"]))
    browser.hear(lambda each: each.params["request"])
    with pytest.raises(FetchError, match=r"told Network\.requestWillBeSent in a form that is not known") as raised:
        browser.ask("Some.thing")
    assert raised.value.reason == Reason.ENGINE_CRASH


def test_a_browser_that_takes_no_commands_is_told_in_time() -> None:
    reading, ours_out = os.pipe()  # nobody reads here
    ours_in, writing = os.pipe()
    ours_errors, errors = os.pipe()
    browser = DevTools(ours_in, ours_out, ours_errors)
    with pytest.raises(FetchError, match="takes no commands any more") as raised:
        browser.ask("Some.thing", {"large": "x" * 1_000_000}, seconds=0.2)
    assert raised.value.reason == Reason.TIMEOUT
    browser.close()
    for each in (reading, writing, errors):
        os.close(each)


def test_what_the_browser_complains_about_is_kept_to_its_last_words() -> None:
    other = Scripted(lambda asked: reply(asked["id"]))
    os.write(other.errors, b"x" * 5000 + b"last words")
    assert other.devtools.until(lambda: other.devtools.said.endswith(b"last words"), 5)
    assert len(other.devtools.said) == 4096
    other.close()

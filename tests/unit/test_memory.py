"""Memory that threads share: nobody gets more than there is, and what is given back wakes who waits."""

import threading
from concurrent.futures import ThreadPoolExecutor

from muniment.capture.memory import Memory


def test_who_asks_for_more_than_is_free_waits_until_it_is_given_back() -> None:
    memory = Memory(10)
    begun, got = threading.Event(), threading.Event()

    def other() -> None:
        begun.set()
        with memory.held(5):
            got.set()

    with ThreadPoolExecutor(1) as pool:
        with memory.held(8) as shrink:
            waiting = pool.submit(other)
            begun.wait()
            shrink(6)
            assert not got.wait(0.05)
            shrink(5)
            assert got.wait(20)
        waiting.result()


def test_who_asks_for_more_than_all_gets_all_and_gives_it_back_once() -> None:
    memory = Memory(10)
    for _ in range(3):
        with memory.held(1000) as shrink:
            shrink(2)
            shrink(7)  # nobody takes back what he gave
            with memory.held(8):
                pass


def test_no_more_than_all_is_held_at_once_by_however_many() -> None:
    memory, lock = Memory(10), threading.Lock()
    held, most = 0, 0

    def one(octets: int) -> None:
        nonlocal held, most
        with memory.held(octets):
            with lock:
                held += octets
                most = max(most, held)
            with lock:
                held -= octets

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, [1, 4, 7, 10] * 200))
    assert held == 0
    assert 0 < most <= 10

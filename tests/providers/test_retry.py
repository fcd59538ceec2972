"""The retry loop and the pacer, against clocks and dice of our own."""

from __future__ import annotations

import threading

import pytest

from providers._retry import CAP_SECONDS, TRIES, Pace, retry


class BusyError(Exception):
    pass


class WrongError(Exception):
    pass


def transient(error: Exception) -> float | None:
    return getattr(error, "wish", 0.0) if isinstance(error, BusyError) else None


def failing(times: int, error: Exception):
    calls = []

    def ask() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error
        return "fine"

    return ask, calls


def test_a_success_after_two_failures_is_returned_and_the_waits_are_jittered():
    ask, calls = failing(2, BusyError())
    slept: list[float] = []
    dice = iter([0.25, 0.5])
    assert retry(ask, transient, sleep=slept.append, random=lambda: next(dice)) == "fine"
    assert len(calls) == 3
    assert slept == [0.25 * 1, 0.5 * 2]  # uniform in 0..1, then in 0..2


def test_five_tries_then_the_cloud_s_own_error():
    error = BusyError("still busy")
    ask, calls = failing(99, error)
    slept: list[float] = []
    with pytest.raises(BusyError) as caught:
        retry(ask, transient, sleep=slept.append, random=lambda: 1.0)
    assert caught.value is error
    assert len(calls) == TRIES == 5
    assert slept == [1, 2, 4, 8]


def test_no_wait_is_above_the_cap_whatever_the_cloud_wishes():
    error = BusyError()
    error.wish = 3600.0
    ask, _ = failing(99, error)
    slept: list[float] = []
    with pytest.raises(BusyError):
        retry(ask, transient, sleep=slept.append, random=lambda: 0.0)
    assert slept == [CAP_SECONDS] * 4


def test_a_wish_of_the_cloud_is_the_least_wait():
    error = BusyError()
    error.wish = 1.5
    ask, _ = failing(1, error)
    slept: list[float] = []
    retry(ask, transient, sleep=slept.append, random=lambda: 0.1)
    assert slept == [1.5]


def test_what_is_not_transient_is_raised_at_once():
    ask, calls = failing(99, WrongError())
    with pytest.raises(WrongError):
        retry(ask, transient, sleep=lambda _: pytest.fail("slept"))
    assert len(calls) == 1


def test_ctrl_c_is_never_retried():
    def ask() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retry(ask, lambda _: 0.0, sleep=lambda _: pytest.fail("slept"))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_pace_lets_a_burst_through_and_then_keeps_the_rate():
    clock = Clock()
    pace = Pace(5.0, 3, clock)
    at = []
    for _ in range(8):
        pace.wait(clock.sleep)
        at.append(round(clock.now - 100, 6))
    assert at == [0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_a_pace_gains_no_more_than_its_burst_by_idling():
    clock = Clock()
    pace = Pace(5.0, 3, clock)
    pace.wait(clock.sleep)
    clock.now += 1000
    at = []
    for _ in range(5):
        pace.wait(clock.sleep)
        at.append(round(clock.now - 1100, 6))
    assert at == [0, 0, 0, 0.2, 0.4]


def test_a_pace_holds_over_any_minute():
    """The promise of the Alibaba adapter: 500 calls in 60 seconds are never reached."""
    from providers.alicloud import PRICE_BURST, PRICE_PER_SECOND

    clock = Clock()
    pace = Pace(PRICE_PER_SECOND, PRICE_BURST, clock)
    at = []
    for _ in range(2000):
        pace.wait(clock.sleep)
        at.append(clock.now)
    assert max(sum(1 for other in at if start <= other < start + 60) for start in at) < 500


def test_threads_share_one_pace():
    clock = Clock()
    pace = Pace(10.0, 1, clock)
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(pace.wait(lambda _: None))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(round(wait, 6) for wait in waits) == [round(n / 10, 6) for n in range(10)]


def test_together_keeps_the_order_of_its_items():
    from providers._together import together

    barrier = threading.Barrier(3, timeout=5)  # three run at once, or this breaks

    def work(number: int) -> int:
        barrier.wait()
        return number * number

    assert together(work, [5, 3, 4], 3, "t") == [25, 9, 16]
    assert together(work, [], 3, "t") == []


def test_together_raises_the_first_error_and_starts_no_more():
    from providers._together import together

    begun = []

    def work(number: int) -> None:
        begun.append(number)
        raise WrongError(str(number))

    with pytest.raises(WrongError, match=r"^0$"):
        together(work, list(range(1000)), 1, "t")
    assert len(begun) < 1000


def test_together_never_holds_the_process():
    import subprocess
    import sys
    import time
    from pathlib import Path

    code = (
        "import time; from providers._together import together\n"
        "def work(n):\n    if n: time.sleep(30)\n    raise ValueError\n"
        "try: together(work, [1, 0], 2, 't')\nexcept ValueError: pass"
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=20)
    assert time.monotonic() - began < 10

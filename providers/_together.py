"""Several questions to one cloud at once, in threads that never hold the process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["together"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 - In and Out, one letter each as in typing


def together(work: Callable[[I], T], items: Sequence[I], workers: int, name: str) -> list[T]:
    """Return `work` of each of `items`, in their order; the first error to happen is raised and starts no more work.

    The threads are daemons, which those of `concurrent.futures` are not: after Ctrl-C, or after an error, a thread may
    still sit in a socket or in a wait before its next try, and the process must be able to end without it.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T | None, BaseException | None]] = queue.SimpleQueue()
    stop = threading.Event()
    for number in range(len(items)):
        todo.put(number)

    def run() -> None:
        while not stop.is_set():
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(items[number]), None))
            except BaseException as error:  # handed to the caller's thread, which raises it
                stop.set()
                done.put((number, None, error))

    for _ in range(min(workers, len(items))):
        threading.Thread(target=run, daemon=True, name=name).start()
    found: dict[int, T] = {}
    try:
        while len(found) < len(items):
            number, result, error = done.get()
            if error is not None:
                raise error
            found[number] = result  # type: ignore[assignment]
    finally:
        stop.set()
    return [found[number] for number in range(len(items))]

"""Signals that end a run while it writes: as an exception, so that what is half done is taken back.

At any other time there is nothing to take back, and they end the process at once, as the system does it: a handler
would wait for the end of a search or a decomposition, which may take minutes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = ("SIGTERM", "SIGHUP")
"""Beside the interrupt, which Python makes an exception itself."""


class Stopped(BaseException):
    """A signal asked the process to end.

    Parameters
    ----------
    number
        Of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


@contextmanager
def raised() -> Iterator[None]:
    """Let the signals that end a process raise `Stopped`; one that was ignored stays so, as under nohup."""
    numbers = [number for number in _numbers(STOPPING) if signal.getsignal(number) == signal.SIG_DFL]
    with _handled(numbers, _stop):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Let signals wait until a short step is done that must not be cut in two."""
    caught: list[int] = []
    numbers = [number for number in _numbers(("SIGINT", *STOPPING)) if callable(signal.getsignal(number))]
    try:
        with _handled(numbers, lambda number, frame: caught.append(number)):
            yield
    finally:
        if caught:
            signal.raise_signal(caught[0])


def _numbers(names: tuple[str, ...]) -> list[signal.Signals]:
    """Return the signals of these names that there are; none outside the main thread, which alone may handle them."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


@contextmanager
def _handled(numbers: list[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

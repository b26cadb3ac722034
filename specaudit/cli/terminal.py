"""What the command line says to people: text on stdout, notes and a progress bar on stderr."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from specaudit.progress import Progress, SilentProgress, Stage

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

WIDTH = 80  # of text that no terminal shows
WIDEST = 120
PATIENCE = 1.0  # seconds before a stage shows its bar
COMMAND = re.compile(r"^[^\S\n]*::|##\[", re.MULTILINE)
LONG = 20.0  # expected seconds of a run whose stages are told before it starts


def disarmed(text: str) -> str:
    """Return ``text`` without what the log of a CI job obeys: ``::`` at the beginning of a line, ``##[`` anywhere."""
    return COMMAND.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text)


def emit(text: str, *, exact: bool = False) -> None:
    """Write ``text`` to stdout; ``exact`` (a document) is UTF-8 whatever the locale, and stays as it is.

    A reader that has gone is no error: the answer, and so the exit code, are the same without it.
    """
    text = text if exact else disarmed(text)
    encoding, errors = ("utf-8", "backslashreplace") if exact else (sys.stdout.encoding or "utf-8", "replace")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(encoding, errors))
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


def discard_stdout() -> None:
    """Send what is left for stdout nowhere, so that the interpreter can flush it at exit."""
    _discard(sys.__stdout__, 1)


def _discard(stream: TextIO | None, number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno() if stream else number)


def open_streams() -> None:
    """Give the process the standard streams that it was started without.

    Else a file that is opened would take the place of one, and get what a library says to it.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115


def note(text: str) -> None:
    """Write a line to stderr, under the program's name; nobody to read it is no error."""
    line = disarmed(f"specaudit: {text}\n")
    encoding = sys.stderr.encoding or "utf-8"
    try:
        sys.stderr.write(line.encode(encoding, "replace").decode(encoding))
        sys.stderr.flush()
    except OSError:
        _discard(sys.__stderr__, 2)


def width() -> int:
    """Return the columns that text on stdout may fill."""
    return min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST) if sys.stdout.isatty() else WIDTH


def colored(stream: TextIO) -> bool:
    """Tell whether ``stream`` is a terminal that shows colours to someone who wants them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def progress(*, quiet: bool, verbose: bool) -> Progress:
    """Return the reporter for stderr: stage times if verbose, a bar on a terminal, else nothing."""
    if verbose:
        return StageTimes()
    if quiet:
        return SilentProgress()
    return Bar() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else Announcement()


class Announcement(SilentProgress):
    """Notes the stages of a long run before it starts."""

    def expect(self, stages: Sequence[tuple[str, float]]) -> None:
        """Note the stages of a run that is expected to be long."""
        if sum(seconds for _, seconds in stages) >= LONG:
            told = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in stages if seconds >= 1)
            note(f"expected: {told}")


class StageTimes(Announcement):
    """Notes how long each stage took."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Run a stage; its time is noted when it ends well."""
        begun = time.perf_counter()
        with SilentProgress().stage(name) as silent:
            yield silent
        note(f"{name}: {time.perf_counter() - begun:.2f} s")


class Bar(Announcement):
    """A bar for each stage that lasts; nothing of it stays on the screen."""

    def __init__(self) -> None:
        """Begin with no bar."""
        self._lock = threading.Lock()
        self._rich: RichProgress | None = None
        self._open = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Run a stage; after a second of it its bar appears."""
        shown = _BarStage(self, name)
        timer = threading.Timer(PATIENCE, self._show, [shown])
        timer.daemon = True
        timer.start()
        try:
            yield shown
        finally:
            timer.cancel()
            self._hide(shown)

    def _show(self, stage: _BarStage) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with self._lock:
            if stage.ended:
                return
            if self._rich is None:
                console = Console(stderr=True, force_terminal=True, no_color=not colored(sys.stderr))
                columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
                self._rich = Progress(*columns, console=console, transient=True)
                self._rich.start()
            self._open += 1
            known = stage.fraction is not None
            stage.task = self._rich.add_task(stage.name, total=1.0 if known else None)
            if known:
                self._rich.update(stage.task, completed=stage.fraction)

    def _hide(self, stage: _BarStage) -> None:
        with self._lock:
            stage.ended = True
            if stage.task is None or self._rich is None:
                return
            self._rich.remove_task(stage.task)
            self._open -= 1
            if not self._open:
                self._rich.stop()
                self._rich = None

    def advance(self, stage: _BarStage) -> None:
        """Show the stage's fraction, if its bar is up."""
        with self._lock:
            if stage.task is not None and self._rich is not None:
                self._rich.update(stage.task, total=1.0, completed=stage.fraction)


class _BarStage:
    def __init__(self, bar: Bar, name: str) -> None:
        self.name = name
        self.fraction: float | None = None
        self.task: TaskID | None = None
        self.ended = False
        self._bar = bar

    def update(self, fraction: float) -> None:
        self.fraction = fraction
        self._bar.advance(self)

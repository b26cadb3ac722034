"""A temporary folder that goes with the process, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from tempfile import TemporaryDirectory

PATIENCE = 10.0
"""Seconds in which the process that removes a folder must end."""
QUIET = "ignore:resource_tracker:UserWarning"
"""What keeps the tracker from telling of semaphores that a process left when a signal ended it: it removes them."""
REMOVER = """
import shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
if not sys.stdin.buffer.read(1):  # the other end was closed without a word
    for _ in range(50):  # workers may write for as long as they have not noticed
        shutil.rmtree(sys.argv[1], ignore_errors=True)
        time.sleep(0.1)
"""


@contextmanager
def scratch_folder() -> Iterator[str]:
    """Yield a temporary folder; if a signal ends the process, another one, which waits for that, removes it."""
    with TemporaryDirectory(prefix="specaudit-") as folder:
        remover = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", REMOVER, folder],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            yield folder
        finally:
            with suppress(OSError, subprocess.TimeoutExpired):
                remover.communicate(b".", timeout=PATIENCE)


def quiet_tracker() -> None:
    """Start the tracker of this process's semaphores, which says nothing of those that it removes."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = QUIET if not before else f"{before},{QUIET}"
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before

"""The command line: parse, call the API, render, exit. No numerics."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program on ``argv`` (default: the process's arguments) and return its exit code, see `cli.app`."""
    try:
        from specaudit.cli import app
    except KeyboardInterrupt:  # before anything was begun
        return 130
    return app.main(argv)

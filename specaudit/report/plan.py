"""What a run would take, as text."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def render_plan(
    *,
    rows: int,
    dimensions: int,
    size: int,
    peak_memory: int,
    stages: Sequence[tuple[str, float]],
    seconds: tuple[float, float],
    worker_memory: int | None = None,
    max_memory: int | None = None,
) -> str:
    """Return rows, sizes in bytes and the expected seconds, between two limits and of each stage, one a line."""
    low, high = seconds
    beyond = max_memory is not None and peak_memory > max_memory
    lines = [
        ("rows", f"{rows:,}"),
        ("dimensions", f"{dimensions:,}"),
        ("size", readable(size)),
        ("peak memory", f"about {readable(peak_memory)}{', more than --max-memory allows' * beyond}"),
        *([] if worker_memory is None else [("per worker", f"about {readable(worker_memory)}")]),
        ("time", f"{low:.2g} to {high:.2g} s"),
        *((f"  {name}", f"{seconds:.2g} s") for name, seconds in stages),
    ]
    margin = max(len(label) for label, _ in lines)
    return "".join(f"{label:{margin}}  {value}\n" for label, value in lines)


def readable(size: float) -> str:
    """Return a number of bytes in the unit that suits it (powers of 1024, as in --max-memory)."""
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} {_UNITS[-1]}"

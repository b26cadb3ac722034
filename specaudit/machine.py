"""What this machine lets a process use, and what the process takes before any data are read."""

from __future__ import annotations

import os
from pathlib import Path

BASE = 400 << 20
"""Bytes of interpreter, libraries and block buffers, measured."""
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def usable_memory() -> int:
    """Return the bytes this process may use: the cgroup's limit or the machine's memory."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [path.read_text().strip() for path in map(Path, CGROUP_LIMITS) if path.is_file()]
    return min([physical, *(int(limit) for limit in limits if limit.isdecimal())])

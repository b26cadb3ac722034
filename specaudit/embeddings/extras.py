"""Formats that need more than the package itself brings: what is missing, and how to install it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from specaudit.embeddings.display import shown
from specaudit.errors import InputError

Extra = Literal["arrow", "dask", "hdf5", "remote", "zarr"]


@contextmanager
def needs(extra: Extra, label: str) -> Iterator[None]:
    """Turn the failed import of a library into an ``InputError`` that names the command to install it."""
    try:
        yield
    except ImportError as error:
        what = f"needs {error.name}, which is not installed" if error.name else shown(error, 100)
        raise InputError(f"{shown(label)}: {what}", next_step=f"pip install 'specaudit[{extra}]'") from None

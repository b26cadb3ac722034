"""The command line: parse, call the API, render, exit. No numerics."""

from specaudit.cli.app import main

__all__ = ["main"]

"""Exit codes and the one family of exceptions that a user may see."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process returns; precedence when several apply: 2 > 1 > 3 > 0."""

    PASS = 0  # every gate passed, or nothing was gated
    FAIL = 1  # at least one gate decided and failed
    ERROR = 2  # could not run
    INCONCLUSIVE = 3  # ran, but cannot tell
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class SpecauditError(Exception):
    """Could not run: one line says what is wrong and where, and what to do next.

    Parameters
    ----------
    problem
        What is wrong and where (file, row, column), with expected and got where they help.
    next_step
        What the user can do about it; printed after the problem.
    """

    def __init__(self, problem: str, *, next_step: str = "") -> None:
        self.problem = problem
        self.next_step = next_step
        super().__init__(f"{problem}; {next_step}" if next_step else problem)


class InputError(SpecauditError):
    """The embeddings, ids or a document cannot be used."""


class ConfigError(SpecauditError):
    """A flag, an environment variable or a configuration file cannot be used."""


class BudgetError(SpecauditError):
    """The work needs more memory than it may use; the message names the need and the flag."""


class UnresolvedError(SpecauditError):
    """The run finished but its answer is not one of those that were required (exit code 3)."""


class VerdictError(SpecauditError):
    """A comparison did not pass; raised only on request, by `Comparison.raise_for_verdict`."""

    def __init__(self, problem: str, *, next_step: str = "", comparison: object = None) -> None:
        super().__init__(problem, next_step=next_step)
        self.comparison = comparison

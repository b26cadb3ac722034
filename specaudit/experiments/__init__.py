"""Experiments that train on the user's own rows: pure functions on arrays; the API reads and the report tells.

Shared: `targets` (what is learned: labels, or a Gaussian process with a source condition), `ridge` (kernel ridge
regression, exact), `network` (a small network, trained for a fixed number of steps), `learners` (either of them over
the rows of one task), `slopes` (the slope of a learning curve, paired differences and intervals over seeds).

To add an experiment:

1. its science in a module here, from a `Task` of `targets` to a frozen dataclass of results;
2. its name and verdicts in `documents/experiment.py`, explained in `report/experiment/explain.py`;
3. a module in `report/experiment/` that turns the results into `assemble.Parts`;
4. a function in `api/`, within `experimenting.opened`, exported by `api/__init__.py` and `specaudit/__init__.py`;
5. its command in a module of `cli/` with the options of `cli/training.py`, and a line in `cli/experiment.py`.
"""

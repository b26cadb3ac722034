"""The version of the package and of its estimator."""

__version__ = "0.1.0"

ESTIMATOR_VERSION = "1"
"""Changes whenever the same input may give other numbers; baselines of another one are refused."""

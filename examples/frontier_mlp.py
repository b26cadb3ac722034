"""Train a network on the digits, log its residuals on the way, and ask how far it has learned.

    python examples/frontier_mlp.py

The labels come with scikit-learn, in the order of sample_data/digits.npy. Any training loop looks the same: record
before the first step, close checkpoint 0, and record and close again now and then.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import specaudit

ROWS = Path(__file__).parent.parent / "sample_data" / "digits.npy"
CHECKPOINTS = (1, 2, 4, 7, 12, 20, 35, 60)
"""Epochs after which residuals are logged."""


def logits(model: MLPClassifier, rows: np.ndarray) -> np.ndarray:
    """Return the scores (rows, classes) before the softmax: ln of the probabilities, which has the same softmax."""
    return np.log(np.maximum(model.predict_proba(rows), 1e-12))


def record(tracker: specaudit.FrontierTracker, model: MLPClassifier, rows: np.ndarray, labels: np.ndarray) -> None:
    """Record the residuals of all rows, batch by batch in random order, as a data loader hands them out."""
    order = np.random.default_rng(len(tracker.times)).permutation(len(rows))
    for batch in np.array_split(order, 8):
        tracker.record(batch, specaudit.residuals(logits(model, rows[batch]), labels[batch]))


def train(noise: float = 0.0, epochs: tuple[int, ...] = CHECKPOINTS) -> specaudit.FrontierTracker:
    """Return the log of a network of 128 units under SGD; `noise` is the share of random labels."""
    rows, labels = np.load(ROWS) / 16.0, load_digits().target.copy()
    rng = np.random.default_rng(0)
    wrong = rng.permutation(len(labels))[: int(noise * len(labels))]
    labels[wrong] = rng.integers(0, 10, len(wrong))
    # The first call makes the network, and a rate of nearly nothing leaves it as it was made.
    model = MLPClassifier(128, solver="sgd", learning_rate_init=1e-12, momentum=0.0, batch_size=64, random_state=0)
    model.partial_fit(rows, labels, classes=np.arange(10))
    tracker = specaudit.FrontierTracker(len(rows))
    record(tracker, model, rows, labels)
    tracker.checkpoint(0)  # the reference: before the first step
    model._optimizer.learning_rate = 0.05
    for epoch in range(1, epochs[-1] + 1):
        model.partial_fit(rows, labels)
        if epoch in epochs:
            record(tracker, model, rows, labels)
            tracker.checkpoint(epoch)
    return tracker


def main() -> None:
    """Print the frontier of a run, and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", type=float, default=0.0, help="share of random labels")
    parser.add_argument("--plot", help="file of the figure")
    arguments = parser.parse_args()
    found = train(arguments.noise).frontier(ROWS)
    print("epoch     k*    low   high  status")
    for point in found.checkpoints:
        ends = [f"{value:6.1f}" if value else "     -" for value in (point.frontier, point.low, point.high)]
        print(f"{point.time:5.0f} {' '.join(ends)}  {point.status}")
    print(f"growth {found.growth.status}: {found.growth.reason}")
    print(f"collapse {found.collapse.status}; next weights {found.proposal.kind}: {found.proposal.reason}")
    if arguments.plot:
        found.plot(arguments.plot)


if __name__ == "__main__":
    main()

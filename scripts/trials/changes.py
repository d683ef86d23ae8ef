"""What can be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NONE = "none"
CHANGES: Mapping[str, Sequence[str]] = {
    NONE: (),
    "freeze1": ("--freeze", "1"),
    "freeze2": ("--freeze", "2"),
    "mosaic": (),
    "scales": (),
    "smoothing": (),
    "sgd": ("--optimizer", "sgd"),  # at the rate that the recipe has for it
    "half_rate": ("--lr", "0.0005"),
    "double_rate": ("--lr", "0.002"),
    "fourfold_rate": ("--lr", "0.004"),
}
"""Change -> options of train_ssd.py for it; `one_run` does the rest."""
WEIGHTS = "weights"
"""Name of the scores of the weights as they are."""
DECAYS = (0.99, 0.998)
"""Of the averages that are scored beside them; see `WeightAverage`."""
AVERAGES = tuple(f"average {decay:g}" for decay in DECAYS)
"""Names of their scores."""

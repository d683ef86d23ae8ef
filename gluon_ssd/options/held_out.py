"""The option that holds out a share of the training images, in every command that opens a set."""

from __future__ import annotations

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option


def val_share_option(what: str) -> float:
    """Which share is held out; `what` says what becomes of it in a command."""
    declared: float = option(
        0.0,
        f"share of the training images that is held out for validation, {what}; the names of the "
        "files decide, so that every command sees the same division, and images that come later "
        "move none; 0 goes by the splits of the data set",
        minimum=0,
        maximum=0.9,
    )
    return declared


def check_val_share(share: float, val_splits: str) -> None:
    """Raise OptionError where a validation set is asked for in two ways."""
    if share and val_splits:
        raise OptionError(
            f"--val-share {share:g} holds out training images to validate on, and --val-splits "
            f"{val_splits} says which others; leave out one of the two"
        )

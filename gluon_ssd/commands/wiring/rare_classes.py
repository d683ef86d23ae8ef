"""Options -> what training does about rare classes."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.rare_classes import balanced_weights, image_shares, repeat_factors
from gluon_ssd.errors import OptionError
from gluon_ssd.families.build import family_of
from gluon_ssd.models.interface import Loss, Network
from gluon_ssd.options.declare import suggestion
from gluon_ssd.options.small_sets import BALANCED, named_weights
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)


def image_repeats(command: TrainCommand, dataset: ListedDataset) -> NDArray[np.float64] | None:
    """How often each training image comes in an epoch; None where each comes once.

    Raises OptionError where --oversample would repeat none.
    """
    threshold = command.small.oversample
    if not threshold:
        return None
    factors = repeat_factors(dataset, threshold)
    shares = image_shares(dataset)
    if factors.max() == 1:
        rarest = int(np.argmin(np.where(shares > 0, shares, np.inf)))
        raise OptionError(
            f"--oversample {threshold:g} has no effect: the rarest class, "
            f"{dataset.classes[rarest]}, is in {shares[rarest]:.3f} of the images; give a larger "
            "share, or leave it out"
        )
    rare = [name for name, share in zip(dataset.classes, shares, strict=True) if share < threshold]
    _log.info(
        "images of %s are repeated, the most %.2f times on average: %d instead of %d an epoch",
        some_of(rare),
        factors.max(),
        round(factors.sum()),
        len(factors),
    )
    return factors


def training_loss(command: TrainCommand, dataset: ListedDataset, network: Network) -> Loss:
    """What is minimised: the family's loss, with --class-weights where they are given.

    Raises OptionError where it takes none, or they name other classes.
    """
    loss, asked = family_of(network).loss, command.small.class_weights
    if not asked:
        return loss
    if not loss.takes_class_weights:
        raise OptionError(
            f"--class-weights has no effect on {network.name}, whose loss weighs hard examples "
            "itself; leave it out"
        )
    weights = _weights(asked, dataset)
    if np.allclose(weights, 1):
        raise OptionError(
            f"--class-weights {asked} has no effect: every class has the weight 1; leave it out"
        )
    pairs = zip(dataset.classes, weights, strict=True)
    _log.info("weights of classes: %s", ", ".join(f"{name} {value:.3f}" for name, value in pairs))
    return loss.with_class_weights(weights.tolist())


def _weights(asked: str, dataset: ListedDataset) -> NDArray[np.float64]:
    if asked == BALANCED:
        return balanced_weights(dataset)
    weights = np.ones(len(dataset.classes))
    for name, value in named_weights(asked).items():
        if name not in dataset.classes:
            raise OptionError(
                f"--class-weights names {name!r}, and the classes are {some_of(dataset.classes)}"
                f"{suggestion(name, dataset.classes)}"
            )
        weights[dataset.classes.index(name)] = value
    return weights

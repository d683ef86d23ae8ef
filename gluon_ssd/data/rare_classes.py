"""What makes up for classes that few images show: images that come more often, and weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.dataset import Dataset


def image_shares(dataset: Dataset) -> NDArray[np.float64]:
    """The share of the images that show each class, float64 (C,)."""
    images = np.zeros(len(dataset.classes))
    for index in range(len(dataset)):
        images[np.unique(dataset.annotation(index).labels)] += 1
    return images / max(len(dataset), 1)


def repeat_factors(dataset: Dataset, threshold: float) -> NDArray[np.float64]:
    """How often each image is to come in a pass over the set, on average, float64 (N,), from 1.

    A class whose share of images f is below the threshold t has the factor sqrt(t / f), and an
    image the largest factor of its classes; an image without objects has 1.

    Source: A. Gupta et al., "LVIS", arXiv:1908.03195, section 5.3, repeat factor sampling.
    """
    shares = image_shares(dataset)
    factors = np.ones(len(shares))
    rare = (shares > 0) & (shares < threshold)
    factors[rare] = np.sqrt(threshold / shares[rare])
    labels = (dataset.annotation(index).labels for index in range(len(dataset)))
    return np.array([factors[each].max(initial=1.0) for each in labels])


def balanced_weights(dataset: Dataset) -> NDArray[np.float64]:
    """A weight of each class, float64 (C,), by the inverse root of its number of boxes.

    Their mean over all boxes is 1, so that the loss keeps its size. A class without boxes has 1.
    """
    labels = [dataset.annotation(index).labels for index in range(len(dataset))]
    counts = np.bincount(np.concatenate([*labels, []]).astype(int), minlength=len(dataset.classes))
    weights = np.ones(len(counts))
    some = counts > 0
    if some.any():
        weights[some] = 1 / np.sqrt(counts[some])
        weights[some] *= counts.sum() / (counts[some] * weights[some]).sum()
    return weights

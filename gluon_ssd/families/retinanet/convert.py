"""Names of the published weights and of ours; the arrays are the same.

MLPerf's training code saves a state dict of torchvision's names, whose frozen batch norms have
weight, bias and statistics, but do not count batches.
"""

from __future__ import annotations

import re

_NORM = r"^(backbone\.body\.(?:.+\.)?(?:bn\d|downsample\.1))\."
_TO_OURS = {"weight": "gamma", "bias": "beta"}
_TO_PUBLISHED = {ours: published for published, ours in _TO_OURS.items()}


def our_name(published: str) -> str:
    """Structural name of a published array."""
    return _renamed(published, _TO_OURS)


def published_name(ours: str) -> str:
    """The inverse of `our_name`."""
    return _renamed(ours, _TO_PUBLISHED)


def _renamed(name: str, words: dict[str, str]) -> str:
    norm = re.match(_NORM, name)
    if norm is None:
        return name
    last = name[norm.end() :]
    return name[: norm.end()] + words.get(last, last)

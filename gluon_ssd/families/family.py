"""The record of a family: what its networks need beyond the common interface."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.detection.boxes import FloatArray
from gluon_ssd.detection.matching import MakesTargets
from gluon_ssd.models.download import WeightStore
from gluon_ssd.models.interface import Loss, Network


@dataclass(frozen=True)
class Family:
    """What a family hands out beside its specs and the interface of its networks.

    The specs hold numbers, decoding, normalisation and augmentation policy; the networks hand out
    anchors, first weights and class heads, and convert published weights.

    Attributes:
        build: (spec, classes, batch-norm keywords of Gluon) -> network without weights.
        target_maker: (spec, anchors float32 (A, 4), centre form, px) -> target maker.
        loss: of one batch.
        load_base: (network, path of ImageNet weights) -> arrays taken; None where there are none.
        base_origin: spec -> where to get those, in words; None where they are fetched.
        is_published: whether the weights of others have a form that its networks convert.
        takes: (spec, arrays of a file) -> whether they are such weights for one network of several.
        published_facts: published arrays -> what the published code wants beside them in a
            checkpoint, by key; of values that `models.torch_file.writer` can write.
        store: what is published, under names of its specs.
        int8_form: network -> file of its published int8 symbol, and the arrays of that by name;
            None where nothing is published.
    """

    build: Callable[..., Network]
    target_maker: Callable[[Any, FloatArray], MakesTargets]
    loss: Loss
    load_base: Callable[[Network, str | os.PathLike[str]], int] | None = None
    base_origin: Callable[[Any], str] | None = None
    is_published: bool = False
    takes: Callable[[Any, Mapping[str, Any]], bool] = lambda spec, arrays: False
    published_facts: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _: {}
    store: WeightStore = WeightStore()
    int8_form: Callable[[Any], tuple[Path, dict[str, FloatArray]]] | None = None

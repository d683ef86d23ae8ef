"""What a network offers to everything that is not its family: training, export, benchmarks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.first_weights import convolution_value, parameters_of
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.models.spec import Spec

Normalization = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of RGB in 0..1."""


def count_positives(class_targets: NDArray[Any]) -> float:
    """Positive anchors of a batch; class_targets (B, A) are above 0 there."""
    return float(np.count_nonzero(class_targets > 0))


def count_images(class_targets: NDArray[Any]) -> float:
    """B of class_targets (B, A)."""
    return float(len(class_targets))


@dataclass(frozen=True)
class Loss:
    """What training minimises.

    Attributes:
        parts: (class_logits, box_offsets, class_targets, box_targets, divisor) -> parts by name,
            each float32 (B,) and divided by `divisor`. Their sum is minimised. Their names and
            order are the same in every step; logs and journal show them.
            `detection.multibox_loss` is one.
        divisor: class targets (B, A) of a batch -> what its losses are divided by; that of the
            global batch is the sum over its parts.
        facts: the same -> further keywords of `parts`, so that no device is asked for what the
            host knows.
        takes_class_weights: whether `parts` has the keyword `class_weights`, of C numbers.
    """

    parts: Callable[..., dict[str, Any]]
    divisor: Callable[[NDArray[Any]], float] = count_positives
    facts: Callable[[NDArray[Any]], dict[str, float]] = lambda _: {}
    takes_class_weights: bool = False

    def with_class_weights(self, weights: Sequence[float]) -> Loss:
        """The same loss, in which the classes count as much as the C numbers say."""
        assert self.takes_class_weights, "the caller has looked"
        return replace(self, parts=partial(self.parts, class_weights=tuple(weights)))


class Network:
    """The interface of a network; a family's class derives from it and from a Gluon HybridBlock.

    Calling it with images float32 (B, 3, H, W), normalised, returns in training and in inference

    | name | shape | meaning |
    |---|---|---|
    | class_logits | (B, A, C + 1) or (B, A, C) | with the background as class 0, or without |
    | box_offsets | (B, A, 4) | as `spec.decoding` says |
    | anchors | (1, A, 4) | centre form, px of the network input |

    Attributes:
        spec: the record it was built from.
        classes: foreground class names C.
        weights_from: where the weights came from, in words.
        thresholds: as of `ModelRecord`.
        own_normalization: of the input, where its weights were trained with another one than the
            spec has; else None.
        base_pattern: what the structural names of the backbone's parameters begin with, for `re`.
    """

    spec: Spec
    classes: tuple[str, ...]
    weights_from: str = ""
    thresholds: tuple[float, ...] = ()
    own_normalization: Normalization | None = None
    base_pattern: str = r"backbone\."

    # Those of a Gluon block that are used, for type checkers.
    prefix: str
    collect_params: Callable[[], Any]
    hybridize: Callable[..., None]
    infer_shape: Callable[..., None]
    save_parameters: Callable[[str], None]
    _alias: Callable[[], str]

    @property
    def name(self) -> str:
        """The registry name."""
        return self.spec.name

    @property
    def input_size_hw(self) -> tuple[int, int]:
        """Nominal (height, width) of the input, px."""
        return self.spec.input_size_hw

    def input_format(self, input_size_hw: tuple[int, int] | None = None) -> InputFormat:
        """How images become its input of a size, px, nominal by default."""
        own = self.spec.input_format(input_size_hw)
        return replace(own, mean=self.mean, std=self.std)

    @property
    def mean(self) -> tuple[float, ...]:
        """Mean of RGB in 0..1 that images are normalised with."""
        return self.own_normalization[0] if self.own_normalization else self.spec.mean

    @property
    def std(self) -> tuple[float, ...]:
        """Standard deviation of RGB in 0..1 that images are normalised with."""
        return self.own_normalization[1] if self.own_normalization else self.spec.std

    def record(self, **changes: Any) -> ModelRecord:
        """What goes beside the weights; `changes` are fields that differ from the nominal ones."""
        own = ModelRecord(
            self.name,
            self.classes,
            self.input_size_hw,
            self.mean,
            self.std,
            self.spec.family,
            self.spec.layout,
            self.spec.channel_order,
            self.spec.value_range,
            self.spec.resize,
            self.spec.edge_px,
            weights_from=self.weights_from,
            thresholds=self.thresholds,
        )
        own = replace(own, **changes)
        levels = self.level_anchors(own.input_size_hw)
        decoding = changes.get("decoding", self.spec.decoding)
        return replace(own, decoding=replace(decoding, level_anchors=levels))

    def anchors(self, input_size_hw: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """The anchors of an input size (px, nominal by default), without running the network.

        Returns:
            float32 (A, 4), centre form, px; equal to the network's third output.
        """
        raise NotImplementedError

    def num_anchors(self, input_size_hw: tuple[int, int] | None = None) -> int:
        """How many anchors an input of that size (px, nominal by default) has."""
        return len(self.anchors(input_size_hw))

    def level_anchors(self, input_size_hw: tuple[int, int]) -> tuple[int, ...]:
        """Anchors of each level, finest first; () where the decoding does not look at levels."""
        return ()

    def class_heads(self) -> Mapping[str, int]:
        """Structural name of each weight and bias of the class heads -> anchor shapes of a cell.

        Their rows are shape * N + class, where N counts the classes and the background, if any.
        """
        raise NotImplementedError

    def anchor_constants(self) -> Sequence[str]:
        """Structural names of constants that hold anchors; a parameter file may replace them."""
        return ()

    def first_value(self, name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
        """First value of a parameter; its structural name and the seed decide what is drawn."""
        return convolution_value(name, shape, seed, is_head=name in self.class_heads())

    def freeze_base(self) -> None:
        """Stop training what the published recipe keeps as ImageNet weights have it.

        For networks that start from such weights or go on from a run that did, on all devices and
        processes, before there is an optimiser.
        """

    def converted(self, arrays: Mapping[str, Any]) -> dict[str, Any]:
        """The arrays of a parameter file by structural name, whatever published form it has.

        Exports and the older `save_params` name an array after its block, as in
        `ssdnetwork0_conv0_weight`, or the same without the first part. A family whose weights are
        published in another form converts them here.
        """
        if any("." in name for name in arrays):
            return dict(arrays)
        known = {
            parameter.name.removeprefix(self.prefix): name
            for name, parameter in parameters_of(self).items()
        }
        tails = {name: re.sub(self._file_prefix(), "", name) for name in arrays}
        return {known.get(tail, name): arrays[name] for name, tail in tails.items()}

    def trained_normalization(self, arrays: Mapping[str, Any]) -> Normalization | None:
        """Normalisation of the input that arrays of a published form were trained with.

        None where it is the spec's. A record beside the file counts more.
        """
        return None

    def published(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The inverse of `converted`: arrays by structural name as the published code names them.

        Raises:
            WeightsError: nothing is published in another form.
        """
        raise WeightsError(f"the weights of {self.name} have no other published form")

    def _file_prefix(self) -> str:
        """Pattern of what names of exported arrays start with."""
        return rf"^{self._alias()}\d+_"

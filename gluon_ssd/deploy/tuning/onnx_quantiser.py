"""ONNX Runtime's quantiser as the strategies of Intel Neural Compressor take it.

The library's own part for ONNX Runtime is not used: it holds the values of every calibration image
at once, and makes every model that a strategy asks for, whether it is known already or not.
"""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gluon_ssd.deploy.onnx.candidates import Candidates
from gluon_ssd.deploy.tuning.backend import Check
from gluon_ssd.deploy.tuning.neural_compressor import (
    by_sensitivity,
    choice_of,
    library_configuration,
)
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings

_INT8: Mapping[str, Any] = {
    "dtype": ["int8"],
    "quant_mode": "static",
    "scheme": ["sym"],
    "granularity": ["per_tensor"],
}
_INSPECTED = 1
"""Images whose values inside the network are compared."""


class Images:
    """Calibration images in batches; a strategy only hands it back.

    Attributes:
        batch_size: images a batch.
        check: called before every image that is run; may raise to end the search.
    """

    def __init__(self, images: np.ndarray, batch_size: int) -> None:
        self.images, self.batch_size = images, batch_size
        self.check: Check = lambda: None


class OnnxQuantiser:
    """What a strategy takes for the library's part of a framework; see `StrategyPart`.

    Args:
        candidates: makes the models.
        images: float32 (N, 3, H, W), normalised, for calibration.
        settings: what may be chosen.

    Attributes:
        loader, model, configuration, asked, settings: as of `StrategyPart`.
        operators: names of the operators that can be quantised.
    """

    def __init__(
        self, candidates: Candidates, images: np.ndarray, settings: SearchSettings
    ) -> None:
        self.settings, self.loader = settings, Images(images, settings.batch_size)
        self.configuration = library_configuration(settings)
        self.model = _stand_in(None)
        self.asked: Choice | None = None
        self._candidates = candidates
        candidates.check = lambda: self.loader.check()
        kinds = {name: node.op_type for name, node in candidates.detector.operators.items()}
        self.operators = tuple(kinds)
        self._capability = {
            "optypewise": OrderedDict((kind, _abilities()) for kind in kinds.values()),
            "opwise": OrderedDict((pair, _abilities()) for pair in kinds.items()),
        }
        in_float = {key: {"dtype": ["fp32"]} for key in ("activation", "weight")}
        fixed = [name for name in self.operators if name in settings.fp32_nodes]
        self.configuration.op_name_dict = {re.escape(name): in_float for name in fixed} or None

    @property
    def pre_optimized_model(self) -> Any:
        """The fp32 model; asked for by the library."""
        return self.model

    def query_fw_capability(self, model: Any) -> dict[str, Any]:
        """What each operator can do; asked for by the library."""
        return self._capability

    def quantize(self, recipe: Any, model: Any, loader: Any, q_func: Any = None) -> Any:
        """A stand-in for a quantised model, with the recipe to make it."""
        self.asked = choice_of(recipe)
        return _stand_in(copy.deepcopy(recipe))

    def inspect_tensor(
        self, model: Any, loader: Any, op_list: Sequence[str], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """What operators give in a model, for the strategy mse, which may ask for none."""
        if not op_list:
            return {"activation": [{}]}
        choice = choice_of(model.recipe) if model.recipe else None
        values = self._outputs(op_list, _INSPECTED, choice)
        found = zip(op_list, values, strict=True)
        return {"activation": [{name: {name: value} for name, value in found}]}

    def get_output_op_names(self, model: Any) -> list[str]:
        """Asked for by mse_v2, which hands it back; all predictions are compared."""
        return []

    def calculate_op_sensitivity(
        self,
        model: Any,
        loader: Any,
        recipe: Any,
        output_names: Any,
        confidence_batches: int,
        fallback: bool = True,
        requantize_cfgs: Any = None,
    ) -> list[tuple[str, str]]:
        """Operators as `by_sensitivity` ranks them; asked for by mse_v2.

        Args:
            model, loader, output_names: not used.
            recipe: the present choice.
            confidence_batches: how many batches to compare.
            fallback: whether int8 operators go to float32, or those in float32 back to int8.
            requantize_cfgs: how the latter are quantised.
        """
        count = confidence_batches * self.loader.batch_size
        last = self._candidates.last_operators
        expected = self._outputs(last, count, None)

        def outputs(changed: Mapping[str, Any]) -> list[np.ndarray]:
            return self._outputs(last, count, choice_of(changed))

        return by_sensitivity(recipe, outputs, expected, None if fallback else requantize_cfgs)

    def _outputs(self, names: Sequence[str], count: int, choice: Choice | None) -> list[np.ndarray]:
        images = self.loader.images[:count]
        if choice is None:
            return list(self._candidates.outputs_of(names, images, {}, 0))
        nodes, num_images = choice.nodes, choice.calibration_images
        return list(self._candidates.outputs_of(names, images, nodes, num_images))


def _abilities() -> list[dict[str, Any]]:
    """An operator may be int8, with either algorithm, or float32."""
    return [
        {
            "activation": {**_INT8, "algorithm": ["minmax", "kl"]},
            "weight": {**_INT8, "algorithm": ["minmax"]},
        },
        {"activation": {"dtype": "fp32"}, "weight": {"dtype": "fp32"}},
    ]


def _stand_in(recipe: Any) -> Any:
    """A model as the library holds one, without a model in it."""
    # Of the library's classes the one that only holds what it is given; MXNet is not imported.
    from neural_compressor.model.mxnet_model import MXNetModel

    found = MXNetModel(None)
    found.recipe = recipe
    return found

"""Intel Neural Compressor's MXNet part, with what it lacks, as its strategies take it.

Models are made only when they are to be measured, operators may choose bfloat16, which the part
lacks, and layers are ranked by their sensitivity, without which the strategy mse_v2 silently
becomes basic.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph, on_device
from gluon_ssd.deploy.mxnet.files import INPUT
from gluon_ssd.deploy.mxnet.graph import Graph, Params, parse_graph, to_symbol
from gluon_ssd.deploy.tuning.backend import Check
from gluon_ssd.deploy.tuning.neural_compressor import (
    FLOAT,
    by_sensitivity,
    choice_of,
    library_configuration,
)
from gluon_ssd.deploy.tuning.trial import Choice, SearchSettings
from gluon_ssd.system.threads import end_own_team

_ENTRY = "quantize_output"
"""The library's type for a value that is only rounded where it enters int8 operators."""


class CalibrationLoader:
    """Full batches of float32 images (N, 3, H, W) in the form the library asks for.

    Attributes:
        check: called before every batch; may raise to end the search.
    """

    def __init__(self, images: np.ndarray, batch_size: int) -> None:
        self.batch_size = batch_size
        self.check: Check = lambda: None
        self._images = images
        shape = (batch_size, *images.shape[1:])
        self.provide_data = [mx.io.DataDesc(INPUT, shape, np.float32)]

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield [images, labels]; labels are zeros, which nothing reads."""
        for start in range(0, len(self._images) - self.batch_size + 1, self.batch_size):
            self.check()
            batch = self._images[start : start + self.batch_size]
            yield [mx.nd.array(batch, dtype=np.float32), mx.nd.zeros(self.batch_size)]


class Quantiser:
    """The library's MXNet part with what it lacks; a strategy takes it for that part.

    A strategy asks for a model and then for its accuracy. The model is made only when the search
    wants to measure it, so that one which is known from the history costs nothing.

    Args:
        network, params: fp32, images to predictions, and its arrays.
        images: float32 (N, 3, H, W), normalised, for calibration.
        settings: what may be chosen.

    Attributes:
        loader: the batches of images.
        model, configuration: network and search as the library holds them.
        operators: names of the operators that can be quantised.
        asked: the choice that the last model was asked for; None as long as none was.
    """

    def __init__(
        self, network: Graph, params: Params, images: np.ndarray, settings: SearchSettings
    ) -> None:
        from neural_compressor.adaptor.mxnet import MxNetAdaptor
        from neural_compressor.model import Model

        self.settings, self.loader = settings, CalibrationLoader(images, settings.batch_size)
        self.configuration = library_configuration(settings)
        used = network.variables()
        arrays = {name: on_device(params[name], mx.cpu()) for name in used if name in params}
        self.model = Model((to_symbol(network), arrays, {}), conf=self.configuration)
        self._adaptor = MxNetAdaptor({"device": "cpu", "q_dataloader": self.loader})
        self._capability: dict[str, Any] = self._adaptor.query_fw_capability(self.model)
        kinds = self._capability["opwise"]
        self.operators = tuple(name for name, kind in kinds if kind != _ENTRY)
        self.asked: Choice | None = None
        self._recipes: dict[str, Mapping[str, Any]] = {}
        self._restrict()

    def _restrict(self) -> None:
        """Name the operators that stay in float32, and those that may run in bfloat16."""
        in_float = {key: {"dtype": ["fp32"]} for key in ("activation", "weight")}
        fixed = [name for name in self.operators if name in self.settings.fp32_nodes]
        self.configuration.op_name_dict = {re.escape(name): in_float for name in fixed} or None
        if self.settings.bf16:
            for (_, kind), abilities in self._capability["opwise"].items():
                if kind != _ENTRY:
                    abilities.append({k: {"dtype": "bf16"} for k in ("activation", "weight")})

    @property
    def pre_optimized_model(self) -> Any:
        """The fused fp32 model; asked for by the library."""
        return self._adaptor.pre_optimized_model

    def query_fw_capability(self, model: Any) -> dict[str, Any]:
        """What each operator can do; asked for by the library."""
        return self._capability

    def quantize(self, recipe: Any, model: Any, loader: Any, q_func: Any = None) -> Any:
        """A stand-in for a quantised model, with the recipe to make it."""
        from neural_compressor.model.mxnet_model import MXNetModel

        self.asked = choice_of(recipe)
        stand_in = MXNetModel(None)
        stand_in.recipe = self._recipes[self.asked.key] = copy.deepcopy(recipe)
        return stand_in

    def network(self, choice: Choice) -> tuple[Graph, Params]:
        """The quantised network of a choice that was asked for, bfloat16 left out."""
        symbol, arrays, _ = self._quantize(self._recipes[choice.key]).model
        return parse_graph(symbol.tojson()), {n: array.asnumpy() for n, array in arrays.items()}

    def _quantize(self, recipe: Any) -> Any:
        recipe = copy.deepcopy(recipe)
        for settings in recipe["op"].values():
            # bfloat16 is put in afterwards; the library's way needs MXNet 2.
            if settings["activation"]["dtype"] == "bf16":
                settings["activation"] = dict(FLOAT)
        try:
            return self._adaptor.quantize(recipe, self.model, self.loader)
        finally:
            end_own_team()  # else the threads of the kl calibration slow the timing after it

    def inspect_tensor(self, model: Any, loader: Any, *args: Any, **kwargs: Any) -> Any:
        """Values inside a model; a stand-in's is made for it."""
        if model.model is None:
            model = self._quantize(model.recipe)
        try:
            return self._adaptor.inspect_tensor(model, loader, *args, **kwargs)
        finally:
            end_own_team()

    def get_output_op_names(self, model: Any) -> list[str]:
        """Asked for by mse_v2, which hands it back; all outputs are compared."""
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
            model, loader, recipe: the fp32 model, calibration images and the present choice.
            output_names: not used.
            confidence_batches: how many batches to compare.
            fallback: whether int8 operators go to float32, or those in float32 back to int8.
            requantize_cfgs: how the latter are quantised.
        """
        batches = [batch for _, (batch, _) in zip(range(confidence_batches), loader, strict=False)]
        expected = _outputs(model.model, batches)
        # What is only rounded where it enters int8 operators is no operator of its own.
        own = {key: value for key, value in recipe["op"].items() if key[1] != _ENTRY}

        def outputs(changed: Mapping[str, Any]) -> list[np.ndarray]:
            whole = {**changed, "op": {**recipe["op"], **changed["op"]}}
            return _outputs(self._quantize(whole).model, batches)

        back = None if fallback else requantize_cfgs
        return by_sensitivity({**recipe, "op": own}, outputs, expected, back)


def _outputs(model: Any, batches: list[Any]) -> list[np.ndarray]:
    symbol, arguments, _ = model
    run = CompiledGraph(parse_graph(symbol.tojson()), arguments, ctx=mx.cpu(), inputs=(INPUT,))
    return [output.asnumpy() for batch in batches for output in run(batch)]

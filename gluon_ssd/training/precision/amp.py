"""Automatic mixed precision (AMP) for training; the only module that imports amp.

Weights, gradients, statistics of batch norm, the loss and the update stay float32; convolutions
compute in float16 on a GPU and in bfloat16 on a CPU. The network's own graph stays as it is, so
saved and exported models do not change: training runs a copy of the graph, made by MXNet's
`amp.convert_symbol`, on the same parameters. `amp.init` is told to replace no operator, because it
replaces them in the whole process, cannot tell one layer from another, and cannot be undone.

Source: Mixed Precision Training, arXiv:1710.03740, section 3.2 (loss scaling).
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.cpu import asks_for_amx, cpu_flags, cpu_name, has_bfloat16
from gluon_ssd.training.precision.convolutions import Split, convolutions, split_convolutions
from gluon_ssd.training.precision.padding import pad_filters

# isort: split
# After compat, which makes MXNet importable.
from mxnet.contrib import amp

_logger = logging.getLogger(__name__)

_LEAST_SCALE = 2.0**-14
"""Gradients that overflow even when scaled down this far are broken, not just large."""


class Precision:
    """How training computes; this class is float32 throughout, by the network's own graph."""

    def convert(self, network: Any, image_shape: tuple[int, int, int]) -> None:
        """Make what training runs, of an initialised network; before the first step.

        Args:
            network: x (B, 3, H, W) -> (class_logits, box_offsets, ...), float32, initialised.
            image_shape: (C, H, W) of the images to come.
        """

    def attach(self, trainer: Any) -> None:
        """Take charge of the trainer's loss scale; before the first step."""

    def forward(self, network: Any) -> Any:
        """The callable that gives the network's outputs in training."""
        return network

    def scaled(self, totals: list[Any]) -> list[Any]:
        """The losses to start the backward pass from."""
        return totals

    @property
    def gave_up(self) -> bool:
        """Whether gradients overflow whatever the loss scale."""
        return False

    def facts(self) -> dict[str, Any]:
        """Numbers for the journal; empty without AMP."""
        return {}

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint holds, as JSON; None without AMP."""
        return None

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a saved state; None, from a run without AMP, changes nothing."""


class PaddedFloat32(Precision):
    """float32 on a CPU, with the filters of the heads filled up: the same numbers, sooner.

    Training runs a copy of the graph on the same parameters; see `pad_filters`.
    """

    def __init__(self) -> None:
        self._block: Any = None

    def convert(self, network: Any, image_shape: tuple[int, int, int]) -> None:
        """See `Precision.convert`; without such filters the network's own graph stays."""
        outputs = _raw_outputs(network)
        found = convolutions(outputs, image_shape)
        names = [each.name for each in found if each.gains_by_padding]
        self._block = _run_on(network, _padded(network, outputs, names)) if names else None

    def forward(self, network: Any) -> Any:
        """The copy, if there is one."""
        return network if self._block is None else self._block


class _Scale(amp.loss_scaler.LossScaler):
    """MXNet's scaler, which also counts the steps it has skipped.

    bfloat16 has the range of float32: nothing is scaled and no step skipped. A gradient that is
    not finite is found as in float32: by the watch over the weights, without waiting for the
    backward pass.
    """

    def __init__(self, dtype: str) -> None:
        super().__init__()
        self.skipped = 0
        self._is_needed = dtype == "float16"
        if not self._is_needed:
            self._loss_scale = self._next_loss_scale = 1.0

    def has_overflow(self, params: Sequence[Any]) -> bool:
        if not self._is_needed:
            return False
        with _root_logger_left_alone():
            overflow = bool(super().has_overflow(params))
        self.skipped += overflow
        return overflow


class MixedPrecision(Precision):
    """Convolutions in float16 or bfloat16, everything else in float32.

    MXNet asks for this order: make it before the network, attach it after the trainer.

    Args:
        dtype: "float16" or "bfloat16"; see `low_precision`.

    Attributes:
        split: which convolutions compute in it, once a network is converted.
    """

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.split: Split | None = None
        self._trainer: Any = None
        self._block: Any = None
        self._scaler = _Scale(dtype)
        with _root_logger_left_alone():
            amp.init(dtype, target_precision_ops=[], conditional_fp32_ops=[], fp32_ops=[])

    def convert(self, network: Any, image_shape: tuple[int, int, int]) -> None:
        """Make the copy of the network that training runs; both share their parameters."""
        outputs = _raw_outputs(network)
        amx = asks_for_amx(os.environ)
        split = split_convolutions(convolutions(outputs, image_shape), self.dtype, amx=amx)
        self.split = split
        outputs = _padded(network, outputs, split.padded)
        converted = convert_graph(outputs, self.dtype, split.kept, low_norm=not amx)
        self._block = _run_on(network, converted)
        _logger.info(split.describe(self.dtype))

    def attach(self, trainer: Any) -> None:
        """Let MXNet's trainer, or Horovod's, undo the scaling and skip what overflowed."""
        amp.init_trainer(trainer)
        trainer._amp_loss_scaler = self._scaler
        self._trainer = trainer

    def forward(self, network: Any) -> Any:
        """The converted copy."""
        assert self._block is not None, "convert comes first"
        return self._block

    def scaled(self, totals: list[Any]) -> list[Any]:
        """The losses times the loss scale."""
        with amp.scale_loss(totals, self._trainer) as scaled:
            return list(scaled)

    @property
    def gave_up(self) -> bool:
        """Whether gradients still overflow with the least loss scale."""
        return bool(self._scaler._next_loss_scale < _LEAST_SCALE)

    def facts(self) -> dict[str, Any]:
        """The loss scale, and the steps skipped since the run was new."""
        return {"loss_scale": self._scaler._next_loss_scale, "skipped": self._scaler.skipped}

    def state(self) -> dict[str, Any]:
        """The loss scale now and next, steps since the last overflow, and steps skipped."""
        scaler = self._scaler
        return {
            "dtype": self.dtype,
            "loss_scale": scaler._loss_scale,
            "next_loss_scale": scaler._next_loss_scale,
            "unskipped": scaler._unskipped,
            "skipped": scaler.skipped,
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a saved state, if it is of the same type of number; else start anew."""
        if state is None:
            return
        scaler = self._scaler
        scaler.skipped = int(state["skipped"])
        if self.dtype == state["dtype"]:
            scaler._loss_scale = state["loss_scale"]
            scaler._next_loss_scale = state["next_loss_scale"]
            scaler._unskipped = int(state["unskipped"])


def _raw_outputs(network: Any) -> Any:
    """The graph of class logits and box offsets."""
    return mx.sym.Group(list(network(mx.sym.var("data")))[:2])


def _padded(network: Any, outputs: Any, names: Collection[str]) -> Any:
    if not names:
        return outputs
    shapes = {name: each.shape for name, each in network.collect_params().items()}
    return pad_filters(outputs, shapes, names)


def _run_on(network: Any, symbol: Any) -> Any:
    """A symbol as a static block that computes with the parameters of a network."""
    with warnings.catch_warnings():
        # SymbolBlock warns about the type of its input; amp_cast takes any.
        warnings.simplefilter("ignore", UserWarning)
        block = mx.gluon.SymbolBlock(symbol, [mx.sym.var("data")], network.collect_params())
    block.hybridize(static_alloc=True, static_shape=True)
    return block


def fastest_precision(context: Any, *, mixed: bool) -> Precision:
    """How a device trains fastest in mixed precision, or in float32; before the network is made.

    Raises:
        EnvironmentProblem: mixed precision is asked for and the CPU has none.
    """
    if mixed:
        return MixedPrecision(low_precision(context))
    return Precision() if context.device_type == "gpu" else PaddedFloat32()


def low_precision(context: Any) -> str:
    """The type in which mixed precision computes on a device.

    Raises:
        EnvironmentProblem: the CPU has none.
    """
    if context.device_type == "gpu":
        return "float16"
    if has_bfloat16(cpu_flags()):
        return "bfloat16"
    raise EnvironmentProblem(
        "mixed precision needs a GPU, or a CPU with bfloat16 (AVX512_BF16 or AMX-BF16); "
        f"{cpu_name()} has neither; leave it out to train in float32",
        settings=("amp",),
    )


def convert_graph(
    symbol: Any, dtype: str, kept: Sequence[str] = (), *, low_norm: bool = False
) -> Any:
    """A copy of a symbol in which convolutions compute in another type; its outputs are float32.

    Args:
        symbol: float32, with the input "data".
        dtype: "float16" or "bfloat16".
        kept: names of the nodes that stay float32.
        low_norm: in bfloat16, whether batch norm behind a converted convolution reads and writes
            that type; its sums, statistics and parameters are float32 all the same.
    """
    in_float32 = None
    if dtype == "bfloat16" and not low_norm:
        # With AMX, oneDNN has no fast bfloat16 batch norm: it was 15 times slower.
        in_float32 = [*amp.list_fp32_ops(amp.amp.bfloat16), "BatchNorm"]
    converted = amp.convert_symbol(
        symbol, dtype, fp32_ops=in_float32, excluded_sym_names=list(kept), data_names=["data"]
    )
    return mx.sym.Group([mx.sym.amp_cast(output, dtype="float32") for output in converted])


@contextmanager
def _root_logger_left_alone() -> Iterator[None]:
    """Within the block `logging.info` adds no handler to a root logger that has none."""
    root, stand_in = logging.getLogger(), logging.NullHandler()
    root.addHandler(stand_in)
    try:
        yield
    finally:
        root.removeHandler(stand_in)

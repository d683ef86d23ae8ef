"""Run an exported detector: prepared once for speed, then called on batches of any length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph, on_device
from gluon_ssd.deploy.mxnet.compiled_suppression import compile_detector
from gluon_ssd.deploy.mxnet.files import INPUT, check_shapes, plain_prefix, read_exported
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.halves import Halves, split_at_predictions
from gluon_ssd.deploy.mxnet.passes.fold_batch_norm import fuse as fuse_graph
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.deploy.mxnet.passes.join_levels import join_as_rows
from gluon_ssd.deploy.mxnet.passes.replace_decoder import count_classes, graft_decoder
from gluon_ssd.deploy.mxnet.passes.select_scores_early import choose_before_activation
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord, read_symbol_metadata


@dataclass(frozen=True)
class DeployedModel:
    """An exported detector that is ready to run.

    Attributes:
        name: the prefix it was loaded from.
        graph: the prepared symbol.
        params: its arrays on the device.
        ctx: the device.
        input_size_hw: height and width of the images it takes, or None when any size will do.
        saved: class names, normalisation and so on, or None for a symbol that carries none.
        num_classes: foreground classes, or None when the graph does not tell.
        is_quantised: whether some operators compute with 8-bit integers.
        is_fused: whether it was prepared for speed.
        onednn: whether oneDNN fuses operators of the graph.
    """

    name: str
    graph: Graph
    params: dict[str, Any]
    ctx: Any
    input_size_hw: tuple[int, int] | None
    saved: ModelRecord | None
    num_classes: int | None
    is_quantised: bool
    is_fused: bool
    onednn: bool

    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect objects.

        Args:
            images: float32 (B, 3, H, W), normalised, as NumPy or MXNet array.

        Returns:
            ids (B, K, 1), scores (B, K, 1), bboxes (B, K, 4); boxes are corners in input pixels,
            empty rows are -1. They may still be in work when this returns: `asnumpy()` of each
            waits for it, as with any MXNet array. On the CPU a prepared model gives
            `PendingOutput`s instead of those.

        Raises:
            ModelError: the images have another size than the model takes.
        """
        self._check_size(images)
        ids, scores, bboxes = self._whole(images)
        return ids, scores, bboxes

    @property
    def can_split(self) -> bool:
        """Whether network and decoding can be run apart, for timing."""
        return self._halves is not None and self._halves.decoding is not None

    def run_heads(self, images: Any) -> list[Any]:
        """Run only the network: the class and box predictions of all levels, joined.

        Returns:
            Of both (B, anchors, columns), or (B, anchors * columns) where the model was not
            prepared; the numbers come in the same order.

        Raises:
            ModelError: the images have the wrong size, or the symbol does not show where the
                network ends.
        """
        self._check_size(images)
        return self._network(images)

    def run_decode(self, predictions: list[Any]) -> tuple[Any, Any, Any]:
        """Turn what `run_heads` returned into detections; both together equal `run`.

        Raises:
            ModelError: `can_split` is not true.
        """
        ids, scores, bboxes = self._decoding(*predictions)
        return ids, scores, bboxes

    def _check_size(self, images: Any) -> None:
        size_hw = tuple(images.shape[2:])
        if self.input_size_hw is not None and size_hw != self.input_size_hw:
            raise ModelError(
                f"{self.name} takes images of {self.input_size_hw} (height, width), got {size_hw}; "
                "choose the matching --data-shape"
            )

    @cached_property
    def _whole(self) -> Callable[..., list[Any]]:
        return self._compile(self.graph, (INPUT,))

    @cached_property
    def _halves(self) -> Halves | None:
        return split_at_predictions(self.graph, INPUT)

    @cached_property
    def _network(self) -> Callable[..., list[Any]]:
        if self._halves is None:
            raise ModelError(
                f"{self.name} does not show where the network ends and decoding starts; "
                "only the whole can be timed"
            )
        return self._compile(self._halves.network, (INPUT,))

    @cached_property
    def _decoding(self) -> Callable[..., list[Any]]:
        if self._halves is None or self._halves.decoding is None:
            raise ModelError(
                f"the decoding of {self.name} cannot be run without its network; "
                "load it fused and for one input size"
            )
        return self._compile(self._halves.decoding, self._halves.names)

    def _compile(self, graph: Graph, inputs: tuple[str, ...]) -> Callable[..., list[Any]]:
        compiler = compile_detector if self.is_fused else CompiledGraph
        return compiler(graph, self.params, ctx=self.ctx, inputs=inputs, onednn=self.onednn)


def load_deployed(
    prefix: str,
    *,
    ctx: Any = None,
    input_size_hw: tuple[int, int] | None = None,
    fuse: bool = True,
    epoch: int = 0,
) -> DeployedModel:
    """Load <prefix>-symbol.json and <prefix>-<epoch>.params for running.

    Args:
        prefix: path without "-symbol.json"; the name of either file will do too.
        ctx: device, CPU by default.
        input_size_hw: height and width of the images to come; without it, the size the model was
            exported for is taken if the symbol says it.
        fuse: prepare the graph for speed. The decoder is replaced by the fast one, bit for bit the
            same. In fp32 graphs batch norm and padding move into the convolutions and oneDNN
            fuses the rest, which rounds differently; quantised arithmetic is left alone.
        epoch: number in the name of the parameter file.

    Raises:
        ModelError, WeightsError: one line about the file that cannot be used.
    """
    prefix = plain_prefix(prefix)
    exported = read_exported(prefix, epoch)
    saved = read_symbol_metadata(exported.symbol_file)
    if input_size_hw is None and saved is not None:
        input_size_hw = saved.input_size_hw
    if input_size_hw is not None:
        check_shapes(exported, input_size_hw)
    ctx = mx.cpu() if ctx is None else ctx
    graph, params = exported.graph, exported.params
    num_classes = len(saved.classes) if saved is not None else None
    is_fp32 = not exported.is_quantised and not exported.is_fused
    shapes = {INPUT: (1, 3, *input_size_hw)} if input_size_hw is not None else None
    if shapes is not None and num_classes is None:
        num_classes = count_classes(graph, params, shapes)
    if fuse and shapes is not None:
        graft_decoder(graph, params, shapes)
        params = fold_constants(graph, params, shapes)
        join_as_rows(graph, params, shapes)
        choose_before_activation(graph)
    if fuse and is_fp32:
        params = fuse_graph(graph, params)
    return DeployedModel(
        name=prefix,
        graph=graph,
        params={name: on_device(params[name], ctx) for name in graph.variables() if name != INPUT},
        ctx=ctx,
        input_size_hw=input_size_hw,
        saved=saved,
        num_classes=num_classes,
        is_quantised=exported.is_quantised,
        is_fused=fuse,
        onednn=fuse and is_fp32 and ctx.device_type == "cpu",
    )

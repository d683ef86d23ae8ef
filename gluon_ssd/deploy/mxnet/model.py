"""MXNet as a runtime: a detector prepared once for speed, then run on batches of any length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.class_count import class_count
from gluon_ssd.deploy.mxnet.compiled import CompiledGraph, context_of, device_of, on_device
from gluon_ssd.deploy.mxnet.compiled_decoding import Ending
from gluon_ssd.deploy.mxnet.compiled_suppression import compile_detector
from gluon_ssd.deploy.mxnet.compiled_threads import CompiledForThreads
from gluon_ssd.deploy.mxnet.files import INPUT, Exported, check_shapes
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.halves import Halves, split_at_predictions
from gluon_ssd.deploy.mxnet.low_precision import lower_network
from gluon_ssd.deploy.mxnet.output_pattern import BOX_NMS, suppression_of
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.deploy.mxnet.read_pair import read_pair
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.threads import compute_threads, throughput_streams


@dataclass(frozen=True)
class DeployedModel(RuntimeModel):
    """A detector as a compiled graph; see `RuntimeModel`.

    Attributes:
        graph, params: the symbol, and its arrays on the device.
        ctx: the device.
        is_fused: whether it was prepared for speed.
        onednn: whether oneDNN fuses operators of the graph.
        num_streams: batches that are computed beside one another; they share the threads.
    """

    name: str
    graph: Graph
    params: dict[str, Any]
    ctx: Any
    input_size_hw: tuple[int, int]
    record: ModelRecord | None
    num_classes: int | None
    precision: str
    is_fused: bool
    onednn: bool
    num_streams: int = 1

    @property
    def device(self) -> str:
        """Where it runs: "cpu", or "gpu:" and a number."""
        return device_of(self.ctx)

    @property
    def threads(self) -> int:
        """Threads of MXNet's operators; those of now, where their number follows the load."""
        return self._whole.threads if self._moves else compute_threads()

    @property
    def streams(self) -> int:
        """Batches that are computed beside one another, each with its share of the threads."""
        return self.num_streams

    def place(self, images: NDArray[np.float32]) -> Any:
        """An MXNet array on the device."""
        return on_device(images, self.ctx)

    def run(self, images: Any) -> tuple[Any, Any, Any]:
        """Detect objects; outputs are MXNet arrays, or `PendingOutput`s of a prepared model."""
        self.check_size(images)
        ids, scores, bboxes = self._whole(images)
        return ids, scores, bboxes

    def in_precision(self, dtype: str) -> DeployedModel:
        """The same model with its network in another type; its classes and decoding stay."""
        if self.precision == "int8":
            raise ModelError(
                f"{self.name} computes in int8 already; run it in float32", settings=("dtype",)
            )
        graph, params = lower_network(self.graph, self.params, dtype, self.name)
        return replace(self, graph=graph, params=params, precision=dtype)

    @property
    def can_split(self) -> bool:
        """Whether network and decoding can be run apart."""
        return self._halves is not None and self._halves.decoding is not None

    def run_heads(self, images: Any) -> list[Any]:
        """Run only the network: the class and box predictions of all levels, joined.

        Both are (B, anchors, columns), or (B, anchors * columns) where the model was not prepared.
        """
        self.check_size(images)
        return self._network(images)

    def run_decode(self, predictions: list[Any]) -> tuple[Any, Any, Any]:
        """Turn what `run_heads` returned into detections; both together equal `run`."""
        ids, scores, bboxes = self._decoding(*predictions)
        return ids, scores, bboxes

    def count_candidates(self, images: Any) -> NDArray[np.int64] | None:
        """Candidates of each image that enter suppression; None where the graph hides them."""
        nodes = list(self.graph.find(BOX_NMS))
        if len(nodes) != 1:
            return None
        decoding, column = suppression_of(nodes[0]), int(nodes[0].number("score_index", 1))
        # (B, candidates, 6), or (B * C, candidates of a class, 6)
        scores = as_numpy(self._entering(images)[0])[:, :, column]
        found = (scores.reshape(len(images), -1) > decoding.score_thresh).sum(axis=1)
        return np.minimum(found, decoding.nms_topk) if decoding.nms_topk > 0 else found

    def with_streams(self, streams: int = 0) -> DeployedModel:
        """The same model for so many streams, one for each thread at most."""
        most = compute_threads() if self._moves else 1
        return replace(self, num_streams=min(streams or throughput_streams(most), most))

    @property
    def _moves(self) -> bool:
        """Whether the network may be computed in other threads than those of its context."""
        return self.ctx == mx.cpu(0) and compute_threads() > 1

    @cached_property
    def _whole(self) -> Any:
        return self._compile(self.graph, (INPUT,))

    @cached_property
    def _entering(self) -> Callable[..., list[Any]]:
        """Images to the rows that enter suppression."""
        return self._compile(Graph([next(self.graph.find(BOX_NMS)).inputs[0]]), (INPUT,))

    @cached_property
    def _halves(self) -> Halves | None:
        return split_at_predictions(self.graph, INPUT)

    @cached_property
    def _network(self) -> Any:
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
        """Compile what takes the images for the threads that suit; the rest runs where it is."""
        if inputs != (INPUT,) or not self._moves:
            return self._compile_on(self.ctx, graph, inputs)
        return CompiledForThreads(
            lambda ctx: self._compile_on(ctx, graph, inputs),
            threads=compute_threads(),
            streams=self.num_streams,
            first_input=np.zeros((1, 3, *self.input_size_hw), np.float32),
        )

    def _compile_on(
        self, ctx: Any, graph: Graph, inputs: tuple[str, ...]
    ) -> Callable[..., list[Any]]:
        options = {"ctx": ctx, "inputs": inputs, "onednn": self.onednn}
        if not self.is_fused:
            return CompiledGraph(graph, self.params, **options)
        ending, shapes = None, {INPUT: (1, 3, *self.input_size_hw)}
        if self.record is not None and self.num_classes is not None:
            ending = Ending(self.record.decoding, self.num_classes, self.input_size_hw)
        return compile_detector(
            graph,
            self.params,
            **options,
            ending=ending,
            input_shapes=shapes if inputs == (INPUT,) else None,
        )


def load_deployed(
    prefix: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    streams: int = 1,
) -> DeployedModel:
    """Make the files of a prefix ready to run; see `read_pair` and `deploy`."""
    exported = read_pair(prefix, input_size_hw=input_size_hw)
    model = deploy(exported, input_size_hw=input_size_hw, device=device, fuse=fuse)
    return model.with_streams(streams)


def deploy(
    exported: Exported,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
) -> DeployedModel:
    """Make a detector ready to run.

    Args:
        exported: graph, arrays and record; its graph is changed.
        input_size_hw: height and width of the images, px, where there is no record.
        device: "cpu", or "gpu:" and a number.
        fuse: prepare the graph for speed. The decoder is replaced by the fast one, bit for bit the
            same. In fp32 graphs batch norm and padding move into the convolutions and oneDNN
            fuses the rest, which rounds differently; quantised arithmetic is left alone.

    Raises:
        ModelError: no size is known, or the graph cannot take it.
        WeightsError: an array has the wrong shape, or the record names too few classes or too many.
    """
    input_size_hw, ctx = exported.input_size_hw(input_size_hw), context_of(device)
    check_shapes(exported, input_size_hw)
    shapes = {INPUT: (1, 3, *input_size_hw)}
    graph, params, record = exported.graph, exported.params, exported.record
    num_classes = class_count(exported, shapes)
    is_fp32 = not exported.is_quantised and not exported.has_onednn
    precision = "int8" if exported.is_quantised else "float32"
    if fuse:
        params = prepare(graph, params, shapes, may_round=is_fp32)
    return DeployedModel(
        name=exported.name,
        graph=graph,
        params={name: on_device(params[name], ctx) for name in graph.variables() if name != INPUT},
        ctx=ctx,
        input_size_hw=input_size_hw,
        record=record,
        num_classes=num_classes,
        precision=precision,
        is_fused=fuse,
        onednn=fuse and is_fp32 and device == "cpu",
    )

"""ONNX Runtime as a runtime."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from gluon_ssd.deploy.engine import (
    Engine,
    EngineModel,
    Shape,
    WholeModel,
    check_readable,
    detector_of,
    only_input,
    require_record,
)
from gluon_ssd.deploy.engine_teams import follow_load
from gluon_ssd.deploy.onnx.file_operators import INTEGER_OPERATORS, operators_of
from gluon_ssd.deploy.onnx.file_weights import refuse_not_finite
from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.errors import ModelError
from gluon_ssd.system.threads import inference_threads, throughput_streams

Array = NDArray[Any]

_FAILURES = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
_ERRORS_ALONE = 3
_NO_OPERATOR = re.compile(r"(?:No Op registered for|Fatal error:) ([\w.:]+)")
_NEWER_OPSET = re.compile(r"Opset (\d+) is under development.* till opset (\d+)")
_PLACES = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Error: \w+\.cc:\d+ \w+ ")
_DTYPES = {"tensor(float)": "float32"}


class OnnxEngine(Engine):
    """A session of ONNX Runtime on the processor; arguments as of `load_onnx`.

    Attributes:
        record: of the detector, as JSON.

    Raises:
        ModelError: ONNX Runtime cannot use the file, or it has no record.
    """

    def __init__(self, path: str, *, fuse: bool = True, threads: int = 0, streams: int = 0) -> None:
        self.streams = max(1, streams)
        self.threads = inference_threads(threads)
        self._path, self._fuse, self._version = path, fuse, _version(path)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ALONE
        # The threads that call `run` compute too, each with its share of the others.
        options.intra_op_num_threads = max(1, self.threads // self.streams)
        options.inter_op_num_threads = 1
        if not fuse:
            level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.graph_optimization_level = level
        check_readable(path)
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
            metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        except _FAILURES as error:
            raise ModelError(f"ONNX Runtime cannot use {path}: {_reason(error, path)}") from error
        except UnicodeDecodeError as error:
            raise ModelError(
                f"ONNX Runtime cannot use {path}: its metadata is no UTF-8 text; export it anew"
            ) from error
        self.record = require_record(path, metadata.get(RECORD_KEY))
        image = only_input(path, self._session.get_inputs())
        dtype = _DTYPES.get(image.type, image.type.removeprefix("tensor(").rstrip(")"))
        self.input = image.name, dtype, _shape(image.shape)
        self.shapes = {out.name: _shape(out.shape) for out in self._session.get_outputs()}

    def compute(self, images: Array, names: Sequence[str]) -> list[Array]:
        """See `Engine`. Raises ModelError where an operator cannot take what reaches it."""
        try:
            return list(self._session.run(list(names), {self.input[0]: images}))
        except _FAILURES as error:
            reason = _reason(error, self._path)
            raise ModelError(f"ONNX Runtime cannot run {self._path}: {reason}") from error

    def anew(self, *, threads: int, streams: int = 1) -> OnnxEngine:
        """The same file for other threads or streams.

        Raises:
            ModelError: it was written anew since this engine read it, or is gone.
        """
        if _version(self._path) != self._version:
            raise ModelError(f"{self._path} is not the file any more that was loaded")
        return OnnxEngine(self._path, fuse=self._fuse, threads=threads, streams=streams)

    def with_streams(self, streams: int = 0) -> OnnxEngine:
        """See `Engine`."""
        streams = streams or throughput_streams(self.threads)
        return self if streams == self.streams else self.anew(threads=self.threads, streams=streams)


def _shape(lengths: Sequence[Any]) -> Shape:
    return tuple(length if isinstance(length, int) else None for length in lengths)


def _reason(error: Exception, path: str) -> str:
    """What ONNX Runtime says is wrong, without the places in its own source, on one line."""
    text = " ".join(str(error).split())
    text = text.rpartition(f"{path} failed:")[2].rpartition("Status Message: ")[2]
    if found := _NO_OPERATOR.search(text):
        return f"it has no operator {found[1]}"
    if found := _NEWER_OPSET.search(text):
        return f"it has operators up to version {found[2]}, and the file asks for {found[1]}"
    return _PLACES.sub("", text).strip(" .")


def _version(path: str) -> tuple[int, ...]:
    """What changes when a file is written anew; nothing of one that is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def load_onnx(
    path: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    threads: int = 0,
    streams: int = 0,
) -> EngineModel | WholeModel:
    """Make an ONNX file of any form that this project writes ready to run.

    Args:
        path: of the file.
        input_size_hw: not used; the record has it.
        device: the processor alone.
        fuse: let ONNX Runtime optimise the graph.
        threads: that compute; 0 for OMP_NUM_THREADS, or else one on each core.
        streams: calls that are computed beside one another; they share the threads.

    Raises:
        ModelError: the file cannot be used, or is no detector that this project wrote, or
            holds weights that are not finite.
        WeightsError: its record is damaged.
    """
    whole = OnnxEngine(path, fuse=fuse, threads=threads, streams=streams)
    refuse_not_finite(path)
    engine = follow_load(whole, lambda count: whole.anew(threads=count), is_fixed=threads > 0)
    precision = "int8" if operators_of(path) & INTEGER_OPERATORS else "float32"
    return detector_of(path, engine, engine.record, precision=precision)

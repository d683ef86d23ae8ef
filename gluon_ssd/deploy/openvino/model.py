"""OpenVINO as a runtime, of IR files and of ONNX files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import frontend

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
from gluon_ssd.deploy.onnx.names import FORMS, IMAGE
from gluon_ssd.deploy.openvino.core import CORE
from gluon_ssd.deploy.openvino.ir_pair import check_pair
from gluon_ssd.deploy.openvino.runtime_info import record_text
from gluon_ssd.deploy.openvino.shape_check import check_shapes
from gluon_ssd.errors import ModelError, OptionError
from gluon_ssd.system.threads import inference_threads, throughput_streams

Array = NDArray[Any]

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
_FAILURES = (
    RuntimeError,
    frontend.GeneralFailure,
    frontend.InitializationFailure,
    frontend.NotImplementedFailure,
    frontend.OpConversionFailure,
    frontend.OpValidationFailure,
)
_LONGEST = 300
_PLACES = ("Exception from ", "Check '", "FrontEnd API failed", "Summary:")
_NO_OPERATOR = re.compile(
    r"(?:No conversion rule found for operations:|doesn't contain the operation with type:) "
    r"([\w.:]+)"
)
_OUTPUTS = sorted({name for names in FORMS.values() for name in names})
_DTYPES = {"f32": "float32", "f16": "float16", "u8": "uint8"}


class OpenvinoEngine(Engine):
    """A graph that OpenVINO has compiled for the processor.

    Args:
        network: an `openvino.Model`.
        name: of it, for messages.
        precision: "float32" or "bfloat16"; what is quantised stays so.
        threads, streams: as of `load_openvino`.

    Raises:
        ModelError: OpenVINO cannot compile it.
    """

    def __init__(
        self,
        network: Any,
        name: str,
        *,
        precision: str = "float32",
        threads: int = 0,
        streams: int = 0,
    ) -> None:
        self.network, self._name, self._precision = network, name, precision
        self.record = require_record(name, record_text(network, name))
        self.threads, self.streams = inference_threads(threads), max(1, streams)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": self.streams,
        }
        try:
            self._compiled = CORE.compile_model(network, "CPU", settings)
        except _FAILURES as error:
            raise ModelError(f"OpenVINO cannot compile {name}: {_reason(error)}") from error
        port = only_input(name, self._compiled.inputs)
        dtype = port.element_type.get_type_name()
        self.input = _name(port, (IMAGE,)), _DTYPES.get(dtype, dtype), _shape(port)
        self._ports = {_name(port, _OUTPUTS): port for port in self._compiled.outputs}
        self.shapes = {name: _shape(port) for name, port in self._ports.items()}
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self.streams):
            self._idle.put(self._compiled.create_infer_request())

    def compute(self, images: Array, names: Sequence[str]) -> list[Array]:
        """See `Engine`; a call waits while as many as there are streams are computing.

        Raises ModelError where an operator cannot take what reaches it.
        """
        request = self._idle.get()
        try:
            request.infer({0: images}, share_inputs=True)
            return [request.get_tensor(self._ports[name]).data.copy() for name in names]
        except _FAILURES as error:
            raise ModelError(f"OpenVINO cannot run {self._name}: {_reason(error)}") from error
        finally:
            self._idle.put(request)

    def with_streams(self, streams: int = 0) -> OpenvinoEngine:
        """See `Engine`."""
        streams = streams or throughput_streams(self.threads)
        if streams == self.streams:
            return self
        return OpenvinoEngine(
            self.network,
            self._name,
            precision=self._precision,
            threads=self.threads,
            streams=streams,
        )

    def in_precision(self, dtype: str) -> OpenvinoEngine | None:
        """See `Engine`."""
        if dtype not in _PRECISIONS:
            return None
        return OpenvinoEngine(
            self.network, self._name, precision=dtype, threads=self.threads, streams=self.streams
        )


def _name(port: Any, known: Sequence[str]) -> str:
    """The known one of the names of an input or output, which may have several."""
    return next((name for name in known if name in port.names), port.any_name)


def _shape(port: Any) -> Shape:
    return tuple(int(d.get_length()) if d.is_static else None for d in port.partial_shape)


def _reason(error: Exception) -> str:
    """What OpenVINO says is wrong, without the places in its own source, on one short line."""
    if found := _NO_OPERATOR.search(str(error)):
        return f"it has no operator {found[1]}"
    lines = [line.strip(" -.!") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(_PLACES)]
    return textwrap.shorten("; ".join(said), _LONGEST, placeholder=" ...")


def read_network(path: str) -> Any:
    """The `openvino.Model` of an IR (.xml) or an ONNX file.

    Raises:
        ModelError: the file, or the weights beside it, cannot be used.
        WeightsError: the weights are those of another export.
    """
    check_readable(path)
    # By name: OpenVINO would try the readers of all formats on a file that is none of them.
    reader = frontend.FrontEndManager().load_by_framework(
        "onnx" if path.endswith(".onnx") else "ir"
    )
    try:
        network = openvino.Model(reader.convert(reader.load(path)))
    except UnicodeDecodeError as error:  # of what OpenVINO would have said
        raise ModelError(f"OpenVINO cannot read {path}: it holds text that is no UTF-8") from error
    except _FAILURES as error:
        raise ModelError(f"OpenVINO cannot read {path}: {_reason(error)}") from error
    check_shapes(network, path)
    _refuse_not_finite(network, path)
    if not path.endswith(".onnx"):
        check_pair(network, path)
    return network


def _refuse_not_finite(network: Any, path: str) -> None:
    """Raise ModelError for weights that are not finite, with which it would find nothing."""
    for node in network.get_ops():
        if node.get_type_name() != "Constant":
            continue
        is_float = node.get_element_type().get_type_name() in ("f16", "f32", "f64")
        if is_float and not np.isfinite(node.data).all():
            raise ModelError(
                f"{path}: the weights {node.get_friendly_name()[:100]} are not finite; export the "
                "weights of an earlier epoch"
            )


def load_openvino(
    path: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    threads: int = 0,
    streams: int = 0,
) -> EngineModel | WholeModel:
    """Make an IR (.xml) or an ONNX file of any form ready to run; arguments as of `load_onnx`.

    Raises:
        ModelError: the file cannot be used, or is no detector that this project wrote.
        OptionError: `fuse` is off, which OpenVINO does not offer.
        WeightsError: its record is damaged.
    """
    if not fuse:
        raise OptionError(
            f"OpenVINO always prepares {path} for speed, as written it does not run there; ask for "
            "no such thing, or take the model of another runtime",
            settings=("no_fuse",),
        )
    network = read_network(path)
    engine = follow_load(
        OpenvinoEngine(network, path, threads=threads, streams=streams),
        lambda count: OpenvinoEngine(network, path, threads=count),
        is_fixed=threads > 0,
    )
    precision = "int8" if is_quantised(network) else "float32"
    return detector_of(path, engine, engine.record, precision=precision)


def is_quantised(network: Any) -> bool:
    """Whether some values of a network are rounded to integers."""
    return any(node.get_type_name() == "FakeQuantize" for node in network.get_ops())

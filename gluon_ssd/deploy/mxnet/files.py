"""Read and write a detector as MXNet keeps it: <prefix>-symbol.json and <prefix>-0000.params.

The record of the detector is part of the symbol file, among the attributes of the graph, where
MXNet's own loader passes over it.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import Graph, Params, format_graph, output_shapes, to_symbol
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.deploy.mxnet.hyperparams import Hyperparams, heed_hyperparams
from gluon_ssd.deploy.mxnet.model_files import ModelFiles, model_files
from gluon_ssd.deploy.mxnet.multibox.cut import MultiBox, cut_multibox
from gluon_ssd.deploy.mxnet.pair import (
    DIGEST_ATTRIBUTE,
    check_digest,
    digest_of,
    exported_files,
    take_digest,
)
from gluon_ssd.deploy.mxnet.symbol_check.batch_norms import check_batch_norms
from gluon_ssd.deploy.mxnet.symbol_check.check import MOST_BYTES, read_graph
from gluon_ssd.deploy.mxnet.symbol_check.sizes import checked_shapes
from gluon_ssd.deploy.mxnet.symbol_check.types import check_types
from gluon_ssd.errors import ModelError, WeightsError, last_line
from gluon_ssd.models.native_write import file_bytes, write_natively
from gluon_ssd.models.params_file import check_finite, read_params
from gluon_ssd.models.record import ModelRecord
from gluon_ssd.system.files import atomic_write, ensure_directory, write_problem
from gluon_ssd.system.regular_file import read_regular
from gluon_ssd.system.scratch import scratch_folder
from gluon_ssd.system.wording import some_of

INPUT = "data"
RECORD_ATTRIBUTE = "gluon_ssd_model"
"""Name of the graph's attribute that holds the record as JSON."""
_QUANTISED_OPS = ("_contrib_quantize", "_contrib_dequantize", "_contrib_requantize", "quantized_")
_ONEDNN_OPS = "_sg_mkldnn"
_ZOO_NAME = re.compile(r"ssd_(\d+)_")  # names of the zoo begin with the size they were made for

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """A detector as graph, arrays and record, from two files or from a network in memory.

    Attributes:
        name: prefix of the files, or name of the network; for messages.
        graph: the symbol; its input is called "data".
        params: every array the symbol needs beside its input.
        record: class names, input size and so on; None for a symbol that carries none.
        hyperparams: what the file of that name says of a symbol without record; None without it.
        multibox: what followed where the graph was cut before MultiBoxDetection: it is no detector
            then until `multibox.convert` makes it one. None for all others.
    """

    name: str
    graph: Graph
    params: Params
    record: ModelRecord | None
    hyperparams: Hyperparams | None = None
    multibox: MultiBox | None = None

    @property
    def is_quantised(self) -> bool:
        """Whether some operators compute with 8-bit integers."""
        return any(
            node.op.startswith(_QUANTISED_OPS) or node.flag("quantized")
            for node in self.graph.nodes()
        )

    @property
    def has_onednn(self) -> bool:
        """Whether the symbol already went through the oneDNN backend."""
        return any(node.op.startswith(_ONEDNN_OPS) for node in self.graph.nodes())

    def input_size_hw(self, otherwise: tuple[int, int] | None) -> tuple[int, int]:
        """The input size of the record or hyperparams.json, the other one, or that of a zoo name.

        Raises:
            ModelError: none of them says it.
        """
        stated = self.record or self.hyperparams
        found = (stated.input_size_hw if stated else None) or otherwise
        if found is None and (named := _ZOO_NAME.match(Path(self.name).name)):
            side = int(named[1])
            found = side, side
            _log.warning("%s does not carry its input size; its name says %d px", self.name, side)
        if found is None:
            raise ModelError(
                f"{self.name} does not carry its input size; give its height and width in px",
                settings=("data_shape",),
            )
        return found


def read_exported(prefix: str) -> Exported:
    """Read and check the two files that a path means; see `model_files`.

    A symbol with MultiBoxDetection is cut before it; `read_pair` makes it a detector.

    Raises:
        ModelError: the symbol is missing, not one of a detector (see `symbol_check`), or has
            another input than "data".
        WeightsError: the parameter file is missing, damaged, of another export, not finite, or
            lacks arrays of the symbol; or the record in the symbol is damaged.
        DataError: an archive is damaged or refused.
    """
    with model_files(prefix) as files:
        return _read(files)


def _read(files: ModelFiles) -> Exported:
    symbol_file, params_file, prefix = files.symbol, files.params, files.name
    if prefix.endswith((".onnx", ".xml")) and Path(prefix).is_file():
        raise ModelError(
            f"{prefix} is a file for ONNX Runtime or OpenVINO; MXNet needs the pair that it was "
            "made from"
        )
    for path, kind in ((symbol_file, ModelError), (params_file, WeightsError)):
        if not path.is_file():
            raise kind(
                f"there is no file {path}; an exported model is a pair <prefix>-symbol.json and "
                "<prefix>-0000.params, a folder or archive with one, or a file .onnx or .xml: "
                "check the name"
            )
    try:
        text = read_regular(symbol_file, MOST_BYTES)
    except OSError as error:
        raise ModelError(
            f"cannot read {symbol_file}: {error.strerror}; export the model anew"
        ) from error
    graph = read_graph(text, str(symbol_file))
    record, digest = _record(graph, str(symbol_file)), take_digest(graph.extra.get("attrs", {}))
    hyperparams = files.read_hyperparams() if record is None else None
    if hyperparams is not None:
        heed_hyperparams(graph, hyperparams)
    cut = cut_multibox(graph, str(symbol_file))
    graph, multibox = cut or (graph, None)
    try:
        to_symbol(graph)
    except mx.MXNetError as error:
        raise ModelError(
            f"MXNet {mx.__version__} cannot load {symbol_file}: {last_line(error)}; export it anew"
        ) from error
    params = read_params(params_file)
    variables = graph.variables()
    if INPUT not in variables:
        raise ModelError(
            f"{symbol_file} has no input called {INPUT}; only exported detectors can be run"
        )
    missing = [name for name in variables if name != INPUT and name not in params]
    if missing:
        raise WeightsError(
            f"{params_file} does not fit {symbol_file}: {len(missing)} of {len(variables) - 1} "
            f"arrays are missing ({some_of(missing, most=5)}); the two files must be of one export"
        )
    used = {name: params[name] for name in variables if name != INPUT}
    check_finite(used, "take the weights of an earlier epoch", f"{params_file}: ")
    check_digest(digest, params, symbol_file, params_file)
    check_types(graph, used, (INPUT,), str(symbol_file))
    return Exported(prefix, graph, used, record, hyperparams, multibox)


def _record(graph: Graph, source: str) -> ModelRecord | None:
    entry = graph.extra.get("attrs", {}).get(RECORD_ATTRIBUTE)
    if entry is None:
        return None
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)):
        raise WeightsError(f"{source}: its attribute {RECORD_ATTRIBUTE} is damaged; export it anew")
    return ModelRecord.from_json(entry[1], source)


def write_exported(model: Exported, prefix: str) -> None:
    """Write parameters and symbol, one after the other, into a folder that is not in use yet.

    Raises:
        EnvironmentProblem, OSError: they cannot be written as a whole.
    """
    symbol_file, params_file = exported_files(prefix)
    extra = dict(model.graph.extra)
    extra["attrs"] = {
        **extra.get("attrs", {}),
        DIGEST_ATTRIBUTE: ["str", digest_of(model.params)],
    }
    if model.record is not None:
        extra["attrs"][RECORD_ATTRIBUTE] = ["str", json.dumps(model.record.to_object())]
    statistics = set(to_symbol(model.graph).list_auxiliary_states())
    arrays = {
        f"{'aux' if name in statistics else 'arg'}:{name}": mx.nd.array(value, dtype=value.dtype)
        for name, value in model.params.items()
    }
    write_natively(params_file, file_bytes(arrays), lambda name: mx.nd.save(name, arrays))
    with atomic_write(symbol_file, "w") as file:
        file.write(format_graph(Graph(model.graph.heads, extra)))


def move_exported(prefix: str, target: str) -> None:
    """Let the two files of a prefix take the place of those of another one.

    The symbol comes first: where this is cut short, its digest tells that the parameters are not
    its own, even where the earlier symbol had none.
    """
    for source, end in zip(exported_files(prefix), exported_files(target), strict=True):
        os.replace(source, end)


@contextmanager
def replaced_files(prefix: str) -> Iterator[str]:
    """A prefix in a hidden folder, whose two files take the place of those of `prefix` at the end.

    Where the block raises, nothing is written. The folder of `prefix` is made.

    Raises:
        EnvironmentProblem: the files cannot be written.
    """
    target = Path(prefix)
    ensure_directory(target.parent)
    try:
        with scratch_folder(target) as folder:
            staged = str(Path(folder) / target.name)
            yield staged
            move_exported(staged, prefix)
    except OSError as error:
        raise write_problem(target, error) from error


def check_shapes(exported: Exported, input_size_hw: tuple[int, int]) -> None:
    """Compare the shape of every array with what the symbol asks for at an input size.

    Raises:
        WeightsError: arrays of another shape, listed by name; or a batch norm whose values make no
            numbers, see `check_batch_norms`.
        ModelError: the symbol cannot take that input size, or would need too much memory for it.
    """
    name, shapes = exported.name, {INPUT: (1, 3, *input_size_hw)}
    try:
        outputs = checked_shapes(exported.graph, exported.params, shapes, name)
    except mx.MXNetError as error:
        if _takes_rows_of_pixels(exported, input_size_hw):
            raise ModelError(
                f"{name} takes images as {(1, *input_size_hw, 3)}, with a preprocessing of its own "
                f"inside; this needs {shapes[INPUT]}, "
                "normalised: export it with preprocess=None and layout='CHW'"
            ) from error
        wrong = _wrong_shapes(exported, shapes)
        if wrong:
            raise WeightsError(
                f"the parameters of {name} have the wrong shape for it: "
                f"{some_of(wrong, most=5)}; the two files must be of one export"
            ) from error
        raise ModelError(
            f"{name} cannot take images of shape {shapes[INPUT]} ({last_line(error)}); "
            "use the input size it was exported for",
            settings=("data_shape",),
        ) from error
    if len(outputs) != 3:
        raise ModelError(
            f"{name} has {len(outputs)} outputs; a detector has three: ids, scores and bboxes"
        )
    check_batch_norms(exported.graph, exported.params, name)


def _takes_rows_of_pixels(exported: Exported, input_size_hw: tuple[int, int]) -> bool:
    """Whether the graph fits images with their channels last."""
    shapes = {INPUT: (1, *input_size_hw, 3)}
    try:
        return len(output_shapes(exported.graph, exported.params, shapes)) == 3
    except mx.MXNetError:
        return False


def _wrong_shapes(exported: Exported, input_shapes: dict[str, tuple]) -> list[str]:
    """Arrays of the network, decoding left out, whose shape is not what the images lead to."""
    halves = split_at_predictions(exported.graph, INPUT)
    symbol = to_symbol(halves.network if halves else exported.graph)
    try:
        arguments, _, statistics = symbol.infer_shape_partial(**input_shapes)
    except mx.MXNetError:
        return []
    names = symbol.list_arguments() + symbol.list_auxiliary_states()
    return [
        f"{name} is {exported.params[name].shape}, needed {tuple(wanted)}"
        for name, wanted in zip(names, [*arguments, *statistics], strict=True)
        if name != INPUT and not _fits(exported.params[name], wanted)
    ]


def _fits(array: np.ndarray, wanted: tuple[int, ...] | None) -> bool:
    # Unknown dimensions are 0 or -1, an unknown shape is () or None.
    if not wanted:
        return True
    return len(wanted) == array.ndim and all(
        want <= 0 or want == have for want, have in zip(wanted, array.shape, strict=True)
    )

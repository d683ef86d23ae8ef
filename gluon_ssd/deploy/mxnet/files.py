"""Read the two files of an exported model, <prefix>-symbol.json and <prefix>-0000.params."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import Graph, Params, output_shapes, parse_graph, to_symbol
from gluon_ssd.deploy.mxnet.halves import split_at_predictions
from gluon_ssd.errors import ModelError, WeightsError

INPUT = "data"
_QUANTISED_OPS = ("_contrib_quantize", "_contrib_dequantize", "_contrib_requantize", "quantized_")
_FUSED_OPS = "_sg_mkldnn"


@dataclass(frozen=True)
class Exported:
    """A model as its files hold it.

    Attributes:
        symbol_file: the JSON file, for messages.
        graph: the symbol; its input is called "data".
        params: every array the symbol needs beside its input.
    """

    symbol_file: Path
    graph: Graph
    params: Params

    @property
    def is_quantised(self) -> bool:
        """Whether some operators compute with 8-bit integers."""
        return any(
            node.op.startswith(_QUANTISED_OPS) or node.flag("quantized")
            for node in self.graph.nodes()
        )

    @property
    def is_fused(self) -> bool:
        """Whether the symbol already went through the oneDNN backend."""
        return any(node.op.startswith(_FUSED_OPS) for node in self.graph.nodes())


def plain_prefix(text: str) -> str:
    """The prefix of an exported model, also when one of its two files is named instead."""
    return re.sub(r"(-symbol\.json|-\d{4}\.params)$", "", text)


def exported_files(prefix: str, epoch: int = 0) -> tuple[Path, Path]:
    """The two files of a prefix: symbol and parameters."""
    return Path(f"{prefix}-symbol.json"), Path(f"{prefix}-{epoch:04d}.params")


def read_exported(prefix: str, epoch: int = 0) -> Exported:
    """Read and check both files.

    Raises:
        ModelError: the symbol is missing, no symbol, or has another input than "data".
        WeightsError: the parameter file is missing, damaged, or lacks arrays of the symbol.
    """
    symbol_file, params_file = exported_files(prefix, epoch)
    for path, kind in ((symbol_file, ModelError), (params_file, WeightsError)):
        if not path.is_file():
            raise kind(
                f"there is no file {path}; an exported model is a pair <prefix>-symbol.json and "
                "<prefix>-0000.params: check the prefix"
            )
    try:
        text = symbol_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {symbol_file}: {error}; export the model anew") from error
    graph = parse_graph(text, str(symbol_file))
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
            f"arrays are missing ({_some(missing)}); the two files must be of one export"
        )
    used = {name: params[name] for name in variables if name != INPUT}
    return Exported(symbol_file, graph, used)


def read_params(path: Path) -> Params:
    """Read a parameter file; the prefixes "arg:" and "aux:" are taken off the names.

    Raises:
        WeightsError: the file cannot be read or is damaged.
    """
    try:
        arrays = mx.nd.load(str(path))
        if isinstance(arrays, list):
            raise WeightsError(
                f"{path} holds {len(arrays)} arrays without names; export the model anew"
            )
        return {name.split(":", 1)[-1]: array.asnumpy() for name, array in arrays.items()}
    except (mx.MXNetError, OSError) as error:
        raise WeightsError(
            f"cannot read parameters from {path} ({last_line(error)}); the file is damaged or cut "
            "off, or is no MXNet parameter file"
        ) from error


def check_shapes(exported: Exported, input_size_hw: tuple[int, int]) -> None:
    """Compare the shape of every array with what the symbol asks for at an input size.

    Raises:
        WeightsError: arrays of another shape, listed by name.
        ModelError: the symbol cannot take that input size.
    """
    shapes = {INPUT: (1, 3, *input_size_hw)}
    try:
        outputs = output_shapes(exported.graph, exported.params, shapes)
    except mx.MXNetError as error:
        wrong = _wrong_shapes(exported, shapes)
        if wrong:
            raise WeightsError(
                f"the parameters of {exported.symbol_file} have the wrong shape for it: "
                f"{_some(wrong)}; the two files must be of one export"
            ) from error
        raise ModelError(
            f"{exported.symbol_file} cannot take images of shape {shapes[INPUT]} "
            f"({last_line(error)}); use the input size it was exported for, --data-shape"
        ) from error
    if len(outputs) != 3:
        raise ModelError(
            f"{exported.symbol_file} has {len(outputs)} outputs; a detector has three: ids, scores "
            "and bboxes"
        )


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


def last_line(error: Exception) -> str:
    """What happened, without MXNet's stack and source positions."""
    line = str(error).strip().splitlines()[-1].strip()
    return line.rpartition("Check failed: ")[2].rstrip(": ") or line


def _some(names: list[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, and {len(names) - most} more"

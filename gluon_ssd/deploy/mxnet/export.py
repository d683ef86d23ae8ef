"""Write a detector as a static symbol, and prove that what was written is the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import (
    INPUT,
    Exported,
    replaced_files,
    write_exported,
)
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.errors import EnvironmentProblem, WeightsError, last_line
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.params_file import check_finite
from gluon_ssd.models.record import ModelRecord

_RELATIVE_TOLERANCE = 1e-4
"""Largest difference of fused predictions, as a share of the largest prediction. Folding rounds
differently in every layer: 1e-6 to 1e-5 is usual for networks of the catalog."""


def trace_detector(detector: Detector, record: ModelRecord) -> Exported:
    """A detector as graph and arrays, without running it and without files.

    Args:
        detector: with its weights.
        record: its classes, normalisation and decoding, and the input size to trace it for.
    """
    detector.expect_size(record.input_size_hw)
    symbol = mx.sym.Group(list(detector(mx.sym.var(INPUT))))
    graph = parse_graph(symbol.tojson(remove_amp_cast=True))
    for node in graph.nodes():
        # MXNet names initialisers by their place in memory, which differs from run to run.
        node.attrs.pop("__init__", None)
    parameters = detector.collect_params()
    params = {
        name: parameters[name].list_data()[0].asnumpy()
        for name in graph.variables()
        if name != INPUT
    }
    return Exported(record.name, graph, params, record)


def export_detector(detector: Detector, prefix: str, *, fused: bool, saved: ModelRecord) -> None:
    """Write <prefix>-symbol.json and <prefix>-0000.params, both or neither.

    The files are read back into a fresh model and compared with the detector on random images
    before they take their names.

    Args:
        detector: with its weights.
        prefix: path without "-symbol.json"; its folder is made.
        fused: fold batch norm, padding and anchors. Such a symbol takes images of
            `saved.input_size_hw` only, and computes the same up to rounding.
        saved: the record, kept inside the symbol.

    Raises:
        WeightsError: a weight is not finite, or the files do not give what the detector gives.
        EnvironmentProblem: they cannot be written.
    """
    shape = (2, 3, *saved.input_size_hw)
    images = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    expected = _run_live(detector, images)
    exported = trace_detector(detector, saved)
    check_finite(exported.params, "export an earlier checkpoint")
    try:
        with replaced_files(prefix) as staged:
            write_exported(exported, staged)
            plain = load_deployed(staged, fuse=False)
            _compare_outputs(plain.run(images), expected, prefix)
            if fused:
                graph = exported.graph
                params = prepare(graph, exported.params, {INPUT: shape}, for_export=True)
                write_exported(replace(exported, params=params), staged)
                written = load_deployed(staged, fuse=False)
                _compare_predictions(plain.run_heads(images), written.run_heads(images), prefix)
    except mx.MXNetError as error:
        raise EnvironmentProblem(f"cannot write {prefix}: {last_line(error)}") from error


def _run_live(detector: Detector, images: np.ndarray) -> list[np.ndarray]:
    (ctx,) = {parameter.list_ctx()[0] for parameter in detector.collect_params().values()}
    detector.hybridize()
    return [output.asnumpy() for output in detector(mx.nd.array(images, ctx))]


def _compare_outputs(outputs: Sequence[Any], expected: list[np.ndarray], prefix: str) -> None:
    found = [output.asnumpy() for output in outputs]
    same_ids = np.array_equal(found[0], expected[0])
    difference = max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True))
    if not same_ids or difference > _RELATIVE_TOLERANCE * float(np.abs(expected[2]).max()):
        raise WeightsError(
            f"{prefix} was not written: read back, it differs from the network by {difference:.3g}"
        )


def _compare_predictions(plain: Sequence[Any], fused: Sequence[Any], prefix: str) -> None:
    """Compare before the decoding, where rounding cannot change which boxes are kept."""
    for one, other in zip(plain, fused, strict=True):
        one, other = one.asnumpy(), other.asnumpy()
        difference = float(np.abs(one - other).max() / np.abs(one).max())
        if not difference <= _RELATIVE_TOLERANCE:
            raise WeightsError(
                f"{prefix} was not written: fusing changes predictions by {difference:.3g} of "
                "their size; export it without fusing",
                settings=("no_fuse",),
            )

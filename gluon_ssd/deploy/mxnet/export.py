"""Write a detector as a static symbol, and prove that what was written is the detector."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT, exported_files, last_line, read_exported
from gluon_ssd.deploy.mxnet.graph import Graph, Params, format_graph, to_symbol
from gluon_ssd.deploy.mxnet.model import DeployedModel, load_deployed
from gluon_ssd.deploy.mxnet.passes.fold_batch_norm import fuse
from gluon_ssd.deploy.mxnet.passes.fold_constants import fold_constants
from gluon_ssd.errors import EnvironmentProblem, WeightsError
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.record import ModelRecord, write_symbol_metadata
from gluon_ssd.system.files import atomic_write, ensure_directory, write_problem

_RELATIVE_TOLERANCE = 1e-4
"""Largest difference of fused predictions, as a share of the largest prediction. Folding rounds
differently in every layer: 1e-6 to 1e-5 is usual for the zoo's networks."""

_COPIES = 2
"""Parameter files on disk at once: the plain one and the fused one."""


def export_detector(detector: Detector, prefix: str, *, fused: bool, saved: ModelRecord) -> None:
    """Write <prefix>-symbol.json and <prefix>-0000.params, both or neither.

    The files are read back into a fresh model and compared with the detector on random images
    before they take their names. The detector is hybridised and run once, without which MXNet
    would write an empty parameter file.

    Args:
        detector: with its weights.
        prefix: path without "-symbol.json"; its folder is made.
        fused: fold batch norm, padding and anchors. Such a symbol takes images of
            `saved.input_size_hw` only, and computes the same up to rounding.
        saved: classes, input size and normalisation, kept inside the symbol.

    Raises:
        WeightsError: a weight is not finite, or the files do not give what the detector gives.
        EnvironmentProblem: they cannot be written.
    """
    target = Path(prefix)
    ensure_directory(target.parent)
    shape = (2, 3, *saved.input_size_hw)
    images = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    expected = _run_live(detector, images)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            plain = str(Path(folder) / "plain")
            _reserve_space(Path(folder), detector)
            detector.export(plain, remove_amp_cast=True)
            exported = read_exported(plain)
            _check_finite(exported.params)
            _forget_initializers(exported.graph)
            write_pair(exported.graph, exported.params, plain, saved)
            _compare_outputs(load_deployed(plain, fuse=False), images, expected, prefix)
            final = plain
            if fused:
                final = str(Path(folder) / "fused")
                graph, params = exported.graph, exported.params
                params = fold_constants(graph, params, {INPUT: shape})
                write_pair(graph, fuse(graph, params), final, saved)
                _compare_predictions(plain, final, images, prefix)
            for source, destination in zip(
                exported_files(final), exported_files(prefix), strict=True
            ):
                os.replace(source, destination)
    except OSError as error:
        raise write_problem(target, error) from error
    except mx.MXNetError as error:
        raise EnvironmentProblem(f"cannot write {target}: {last_line(error)}") from error


def _reserve_space(folder: Path, detector: Detector) -> None:
    """Fail now when the disk is too full: MXNet would write what fits and say nothing."""
    size = sum(4 * int(np.prod(p.shape)) for p in detector.collect_params().values())
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, _COPIES * size)


def _run_live(detector: Detector, images: np.ndarray) -> list[np.ndarray]:
    (ctx,) = {parameter.list_ctx()[0] for parameter in detector.collect_params().values()}
    detector.hybridize()
    return [output.asnumpy() for output in detector(mx.nd.array(images, ctx))]


def _forget_initializers(graph: Graph) -> None:
    """The same network becomes the same file: MXNet notes initialisers by their place in memory."""
    for node in graph.nodes():
        node.attrs.pop("__init__", None)


def _check_finite(params: Params) -> None:
    broken = [name for name, value in params.items() if not np.isfinite(value).all()]
    if broken:
        raise WeightsError(
            f"{len(broken)} weights are not finite, the first is {broken[0]}; "
            "export an earlier checkpoint"
        )


def write_pair(graph: Graph, params: Params, prefix: str, saved: ModelRecord | None) -> None:
    """Write symbol and parameters, one after the other: into a folder that nobody looks into yet.

    Args:
        graph: the symbol.
        params: its arrays.
        prefix: path without "-symbol.json".
        saved: the record that goes into the symbol, if there is one.
    """
    symbol_file, params_file = exported_files(prefix)
    with atomic_write(symbol_file, "w") as file:
        file.write(format_graph(graph))
    if saved is not None:
        write_symbol_metadata(symbol_file, saved)
    statistics = set(to_symbol(graph).list_auxiliary_states())
    arrays = {
        f"{'aux' if name in statistics else 'arg'}:{name}": mx.nd.array(value, dtype=value.dtype)
        for name, value in params.items()
    }
    mx.nd.save(str(params_file), arrays)
    with open(params_file, "rb") as written:
        os.fsync(written.fileno())


def _compare_outputs(
    model: DeployedModel, images: np.ndarray, expected: list[np.ndarray], prefix: str
) -> None:
    found = [output.asnumpy() for output in model.run(images)]
    same_ids = np.array_equal(found[0], expected[0])
    difference = max(float(np.abs(f - e).max()) for f, e in zip(found, expected, strict=True))
    if not same_ids or difference > _RELATIVE_TOLERANCE * float(np.abs(expected[2]).max()):
        raise WeightsError(
            f"{prefix} was not written: read back, it differs from the network by {difference:.3g}"
        )


def _compare_predictions(plain: str, fused: str, images: np.ndarray, prefix: str) -> None:
    """Compare before the decoding, where rounding cannot change which boxes are kept."""
    ways = [
        [output.asnumpy() for output in load_deployed(path, fuse=False).run_heads(images)]
        for path in (plain, fused)
    ]
    for one, other in zip(*ways, strict=True):
        difference = float(np.abs(one - other).max() / np.abs(one).max())
        if not difference <= _RELATIVE_TOLERANCE:
            raise WeightsError(
                f"{prefix} was not written: fusing changes predictions by {difference:.3g} of "
                "their size; export it without fusing"
            )

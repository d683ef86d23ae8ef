"""Write an exported detector of MXNet anew, folded and fused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import (
    INPUT,
    Exported,
    read_exported,
    replaced_files,
    write_exported,
)
from gluon_ssd.deploy.mxnet.parts import check_float32, record_of
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from gluon_ssd.deploy.mxnet.prepare import prepare
from gluon_ssd.deploy.proof import Candidate, Proof, prove
from gluon_ssd.errors import EnvironmentProblem, last_line

Floats = NDArray[np.float32]


def write_folded(
    exported: Exported,
    prefix: str,
    batches: Iterable[Floats],
    *,
    input_size_hw: tuple[int, int] | None = None,
    classes: Sequence[str] = (),
) -> Proof:
    """Write an exported float32 detector anew for MXNet, folded as `export_detector` does.

    Args:
        exported: the detector; it is not changed. Its record goes with it; without one, a record is
            made of what the graph and the arguments tell.
        prefix: of the two files.
        batches, input_size_hw, classes: as of `write_proven`.

    Raises:
        ModelError: it is quantised or fused for oneDNN, its decoding is none that is known here, or
            the files compute something else; nothing is written then.
        WeightsError: an array has the wrong shape or is not finite.
        EnvironmentProblem: the files cannot be written.
    """
    size_hw = exported.input_size_hw(input_size_hw)
    check_float32(exported, size_hw)
    reference = PlainDetector(exported, size_hw)
    record = exported.record or record_of(exported, reference.ends, size_hw, classes)
    graph = exported.graph.copy()
    params = prepare(graph, exported.params, {INPUT: (1, 3, *size_hw)}, for_export=True)
    try:
        with replaced_files(prefix) as staged:
            write_exported(Exported(exported.name, graph, params, record), staged)
            written = PlainDetector(read_exported(staged), size_hw)
            candidate = Candidate(written.raw_outputs, written.detect)
            return prove(reference, candidate, batches, name=prefix)
    except mx.MXNetError as error:
        raise EnvironmentProblem(f"cannot write {prefix}: {last_line(error)}") from error

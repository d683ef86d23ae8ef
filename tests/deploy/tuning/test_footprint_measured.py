from __future__ import annotations

from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.tuning.footprint import measure_footprint


def test_memory_of_a_process_is_above_that_of_its_weights(tmp_path: Path) -> None:
    rows = mx.sym.var("data").reshape((0, -1, 6)).slice_axis(axis=1, begin=0, end=2)
    rows = mx.sym.broadcast_add(rows, mx.sym.var("weight").sum())
    ends = ((0, 1), (1, 2), (2, 6))
    heads = [mx.sym.slice_axis(rows, axis=2, begin=b, end=e) for b, e in ends]
    mx.sym.Group(heads).save(str(tmp_path / "model-symbol.json"))
    weight = mx.nd.array(np.zeros(8 << 20, np.float32))  # 32 MiB
    mx.nd.save(str(tmp_path / "model-0000.params"), {"arg:weight": weight})
    assert 32 < measure_footprint(str(tmp_path / "model"), (8, 8)) < 2000

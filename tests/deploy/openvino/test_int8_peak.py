from __future__ import annotations

import pytest


@pytest.mark.openvino
def test_the_convolutions_compute_with_bytes():
    from gluon_ssd.deploy.openvino.int8_peak import int8_convolutions

    run, operations = int8_convolutions(1)
    run()
    assert operations == 2 * 4 * 256 * 256 * 9 * 64 * 64
    graph = run.__self__.get_compiled_model().get_runtime_model()
    facts = [node.get_rt_info() for node in graph.get_ops()]
    kinds = [(f["layerType"].astype(str), f["runtimePrecision"].astype(str)) for f in facts]
    assert [precision for kind, precision in kinds if kind == "Convolution"] == ["u8"] * 4

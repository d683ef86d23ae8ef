from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_load import ContendedBenchmark, OverlapBenchmark, ServeBenchmark


@pytest.mark.parametrize("kind", [ContendedBenchmark, OverlapBenchmark, ServeBenchmark])
def test_a_model_is_needed(kind) -> None:
    with pytest.raises(OptionError, match="--model-prefix is needed"):
        kind()


def test_auto_leaves_the_runtime_to_the_files() -> None:
    assert OverlapBenchmark(model_prefix="m").named_backend == ""
    assert OverlapBenchmark(model_prefix="m", backend="openvino").named_backend == "openvino"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("nice", 20, "--nice is 0 to 19; got 20"), ("seconds", 0.0, "--seconds must be above 0")],
)
def test_numbers_out_of_range(field: str, value: float, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        ContendedBenchmark(model_prefix="m", **{field: value})

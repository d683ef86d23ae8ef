"""config_ssd.ini and a detector -> what the search may do."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.tuning import data as tuning_data
from gluon_ssd.commands.tuning import settings as tuning_settings
from gluon_ssd.commands.tuning.data import batch_that_fits
from gluon_ssd.commands.tuning.settings import search_settings
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.tuning.backend import OperatorNames
from gluon_ssd.deploy.tuning.mxnet_backend import operator_names
from gluon_ssd.errors import OptionError
from gluon_ssd.options.tuning import CalibrationSection, QuantizationSection, TuningConfig
from gluon_ssd.system.memory import available_bytes
from tests.deploy.tune_builders import export_tiny


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> OperatorNames:
    """The operators of the tiny network."""
    return operator_names(prepare_detector(export_tiny(tmp_path_factory.mktemp("tiny"))))


def config(**quantization) -> TuningConfig:
    return TuningConfig(
        calibration=CalibrationSection(sampling_sizes="32,8", algorithms="kl"),
        quantization=QuantizationSection(**quantization),
    )


def test_values_are_taken_over(names) -> None:
    found = search_settings(config(granularity="per_tensor"), names, "x.ini")
    assert (found.sampling_sizes, found.algorithms, found.per_channel) == ((32, 8), ("kl",), False)
    assert (found.strategy, found.max_trials, found.seed) == ("basic", 100, 9527)
    assert found.fp32_nodes == () and found.batch_size == 8


def test_layers_may_be_named_as_in_the_network_or_as_fused(names) -> None:
    (one, node), (_, other) = list(names.of_layers.items())[:2]
    found = search_settings(config(fp32_layers=f"{one}, {other}"), names, "x.ini")
    assert found.fp32_nodes == (node, other)


def test_operators_name_all_nodes_that_hold_them_whatever_their_case(names) -> None:
    found = search_settings(config(fp32_operators="activation, Concat"), names, "x.ini")
    activations = names.of_types["Activation"]
    assert len(activations) == 9 + 2  # those of the network's features and of its heads
    assert set(found.fp32_nodes) > set(activations)


@pytest.mark.parametrize(
    ("quantization", "message"),
    [
        (
            {"fp32_layers": "conv99"},
            r"x.ini: \[quantization\] fp32_layers: there is no layer conv99.*; layers are ",
        ),
        (
            {"fp32_operators": "Convolutoin"},
            r"x.ini: \[quantization\] fp32_operators: .* no operator Convolutoin; did you mean "
            r"Convolution\?; it has .*Concat",
        ),
    ],
)
def test_names_that_do_not_exist_are_refused(names, quantization, message) -> None:
    with pytest.raises(OptionError, match=message):
        search_settings(config(**quantization), names, "x.ini")


def test_bfloat16_needs_a_cpu_that_has_it(names, monkeypatch) -> None:
    monkeypatch.setattr(tuning_settings, "cpu_flags", lambda: frozenset({"avx512f"}))
    with pytest.raises(OptionError, match=r"x.ini: \[quantization\] bf16 = true: this CPU"):
        search_settings(config(bf16=True), names, "x.ini")
    monkeypatch.setattr(tuning_settings, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    assert search_settings(config(bf16=True), names, "x.ini").bf16


@pytest.mark.parametrize(
    ("free", "wanted", "count", "expected"),
    [
        (None, 256, 900, 256),
        (3000, 256, 900, 10),
        (3000, 8, 900, 8),
        (3000, 256, 9, 9),
        (1, 5, 9, 1),
    ],
)
def test_batch_is_cut_to_what_fits(monkeypatch, caplog, free, wanted, count, expected) -> None:
    monkeypatch.setattr(tuning_data, "available_bytes", lambda: free)
    with caplog.at_level("WARNING"):
        assert batch_that_fits(wanted, 100, count) == expected
    said = [record.getMessage() for record in caplog.records]
    is_cut = expected < min(wanted, count)
    assert bool(said) == is_cut
    assert (
        not is_cut
        or f"--batch-size {wanted}: " in said[0]
        and said[0].endswith(f"running {expected} at once")
    )


def test_memory_of_this_machine_is_known() -> None:
    found = available_bytes()
    assert found is None or 2**20 < found < 2**50

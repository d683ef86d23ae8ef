"""Options of eval_ssd.py that belong together or exclude each other, and what they come to."""

from __future__ import annotations

import pytest

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand


def command(*argv):
    return parse(EvalCommand, list(argv), prog="eval_ssd.py", description="")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--benchmark-data"], "^--benchmark-data chooses the images of --benchmark; give both$"),
        (["--auto_tuning", "--calibration"], "^--auto_tuning and --calibration exclude each other"),
        (["--auto_tuning", "--quantized"], "^--auto_tuning and --quantized exclude each other"),
        (["--auto_tuning", "--benchmark"], "^--auto_tuning and --benchmark exclude each other"),
        (
            ["--auto_tuning", "--num-gpus", "2"],
            "^--auto_tuning works on the CPU alone; got --num-gpus 2, leave it out$",
        ),
        (["--calibration", "--num-gpus", "1"], "^--calibration works on the CPU alone; got"),
        (["--layer-report"], "^--layer-report is for --calibration; add that$"),
        (["--calib-exclude", "a"], "^--calib-exclude is for --calibration; add that$"),
        (["--layer-report", "--calibration", "--benchmark"], "^--layer-report is for --calib"),
        (["--pretrained", "no"], "^--pretrained no gives random weights"),
    ],
)
def test_options_that_do_not_go_together_are_named(argv, message):
    with pytest.raises(OptionError, match=message):
        command(*argv)


@pytest.mark.parametrize(
    ("argv", "calibrates"),
    [
        ([], False),
        (["--calibration"], True),
        (["--calibration", "--quantized"], False),
        (["--calibration", "--benchmark"], False),
        (["--calibration", "--quantized", "--num-gpus", "1"], False),
    ],
)
def test_a_benchmark_goes_before_and_a_quantised_network_needs_no_calibration(argv, calibrates):
    assert command(*argv).calibrates is calibrates


def test_random_weights_may_be_timed_and_exported_models_have_their_own():
    assert command("--pretrained", "no", "--benchmark").benchmark.benchmark
    deployed = command("--deploy", "--model-prefix", "m", "--pretrained", "no", "--data-shape", "7")
    assert deployed.deploy.deploy


def test_the_network_is_that_of_its_parts_or_its_int8_form():
    argv = ("--network", "mobilenet1.0", "--data-shape", "512", "--dataset", "coco")
    assert command(*argv).network.name == "ssd_512_mobilenet1.0_coco"
    assert command("--quantized").network.name == "ssd_300_vgg16_atrous_voc_int8"


def test_suppression_is_as_asked_for_and_else_the_networks():
    own = command().network.decoding
    assert command().decoding == own
    assert command().resolved == {
        "network": "vgg16_atrous",
        "data_shape": 300,
        "nms_thresh": own.nms_thresh,
        "nms_topk": own.nms_topk,
        "post_nms": own.post_nms,
    }
    asked = command("--post-nms", "7", "--nms-thresh", "0")
    assert (asked.decoding.post_nms, asked.decoding.nms_thresh) == (7, 0)
    assert asked.decoding.nms_topk == own.nms_topk
    assert command("--deploy", "--model-prefix", "m").decoding == Decoding()


@pytest.mark.parametrize(
    ("gpus", "really", "expected"), [(0, False, 6), (2, True, 12), (2, False, 6)]
)
def test_the_batch_grows_with_gpus_that_are_used(gpus, really, expected):
    options = command("--batch-size", "6", "--num-gpus", str(gpus))
    assert options.batch_size(on_gpus=really) == expected


def test_excluded_layers_are_the_words_of_their_option():
    options = command("--calibration", "--calib-exclude", "conv0, conv1,conv0")
    assert options.deploy.excluded_layers == ("conv0", "conv1")


def test_another_runtime_than_mxnet_runs_exported_models():
    with pytest.raises(OptionError, match="^--backend openvino runs exported models: write one"):
        command("--backend", "openvino")
    given = command(
        *("--deploy", "--model-prefix", "m.onnx", "--backend", "openvino"),
        *("--threads", "3", "--streams", "2"),
    )
    assert given.runtime.named_backend == "openvino"
    assert (given.runtime.threads, given.runtime.streams) == (3, 2)
    assert command("--backend", "openvino", "--calibration").runtime.backend == "openvino"
    assert command("--backend", "mxnet").runtime.named_backend == "mxnet"
    assert command().runtime.named_backend == ""

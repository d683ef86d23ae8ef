"""Every rule of eval_ssd.py: what is refused, what is told, and what goes on as it was."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flags_of, parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.evaluate_idle import EVALUATE_IDLE

REFUSED = {
    "--int8-form qoperator": "--int8-form has no effect without --calibration",
    "--calib-split train": "--calib-split has no effect without --calibration or --auto_tuning",
    "--calibration --calib-seed 7": "--calib-seed has no effect without --calib-split",
    "--tuned-output x": "--tuned-output has no effect without --auto_tuning",
    "--auto_tuning --tuned-output x --calib-output y": "--calib-output has no effect with --tuned",
    "--no-fuse": "--no-fuse has no effect without an exported model",
    "--benchmark-warmup 3": "--benchmark-warmup has no effect without --mode benchmark-inference",
    "--benchmark --results x": "--results has no effect where no data set is scored",
    "--calibration --no-calib-score --metric coco": "--metric has no effect with --no-calib-score",
    "--benchmark --metric coco": "--metric has no effect where no data set is scored",
    "--benchmark --json-summary x": "--json-summary has no effect where neither",
    "--calibration --streams 2": "--streams has no effect on making an int8 model",
    "--auto_tuning --deploy --model-prefix x --no-fuse": "--no-fuse has no effect on making",
    "--auto_tuning --backend openvino": "--backend has no effect with --auto_tuning",
    "--deploy --model-prefix x --mirror http://m": "--mirror has no effect with --deploy",
    "-j 0 --worker-timeout 3": "--worker-timeout has no effect without processes that load images",
    "--calibration --dtype bfloat16": "--dtype has no effect on making an int8 model",
}
TOLD = {
    "--quantized --calibration --calib-output m": "--calibration has no effect with --quantized",
    "--benchmark --calibration": "--calibration has no effect with --benchmark",
    "--calib-mode entropy --num-calib-batches 7": "--num-calib-batches, --calib-mode have no effe",
    "--auto_tuning_config x.ini": "--auto_tuning_config has no effect without --auto_tuning",
    "--model-prefix x": "--model-prefix has no effect without --deploy: the zoo's network runs",
    "--deploy --model-prefix x --quantized": "--quantized has no effect with --deploy",
    "--num-iterations 7": "--num-iterations has no effect without --benchmark",
    "--benchmark --save-prefix x": "--save-prefix has no effect where no data set is scored",
    "--save-prefix x": "--save-prefix has no effect on VOC's metrics",
    "--benchmark --exif apply": "--exif has no effect on --benchmark, which runs on noise",
    "--benchmark --splits val": "--splits has no effect on --benchmark, which runs on noise",
}
QUIET = (
    "--calibration --calib-mode entropy --num-calib-batches 7 --calib-split train --calib-seed 7",
    "--auto_tuning --auto_tuning_config x.ini --metric coco --calib-split train --calib-output y",
    "--deploy --model-prefix x --no-fuse --results r --save-detections s --json-summary t",
    "--mode benchmark-inference --benchmark-warmup 3 --json-summary t --splits val",
    "--metric coco --save-prefix x --worker-timeout 3 --streams 2",
    "--benchmark --benchmark-data --splits val --num-iterations 7 --dataset custom",
)


def parsed(text):
    argv = f"--network mobilenet1.0 --data-shape 512 {text}".split()
    return parse(EvalCommand, argv, prog="eval_ssd.py", description="")


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_options_of_ours_are_refused(text, message):
    with pytest.raises(OptionError, match=message):
        parsed(text)


@pytest.mark.parametrize(("text", "message"), TOLD.items())
def test_options_of_gluoncv_are_told(text, message, caplog):
    parsed(text)
    (line,) = caplog.messages
    assert line.startswith(message)


@pytest.mark.parametrize("text", QUIET)
def test_options_with_effect_pass(text, caplog):
    parsed(text)
    assert not caplog.messages


def test_rules_name_options_that_there_are():
    known = {flag.name for flag in flags_of(EvalCommand)}
    assert {name for rule in EVALUATE_IDLE for name in rule.names} <= known

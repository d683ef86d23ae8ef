"""Every rule of scripts/benchmark_ssd.py: what is refused, and what goes on as it was."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.benchmark_kinds import KINDS
from gluon_ssd.options.declare import flags_of, parse

NO_SET = "no effect without --dataset-root"
REFUSED = {
    "model --no-latency --iterations 3": "--iterations has no effect with --no-latency",
    "table --splits 2012_val": f"--splits has {NO_SET}",
    "table --calib-images 3": f"--calib-images has {NO_SET}",
    "formats --network ssd300_resnet50 --metric coco": f"--metric has {NO_SET}",
    "formats --network ssd300_resnet50 --limit-images 3": f"--limit-images has {NO_SET}",
    "dali --anchors ssd_300_mobilenet0.25_voc --train ssd_300_mobilenet0.25_voc": (
        "--anchors has no effect with --train"
    ),
    "contended --model-prefix m --loops 0 --nice 3": "--nice has no effect without processes",
    "serve --model-prefix m --requests 0 --broken 9": "--broken has no effect without requests",
    "loadgen --model-prefix m --streams 2": "--streams has no effect in the scenario SingleStream",
    "loadgen --model-prefix m --target-latency 3": "--target-latency has no effect outside the",
    "loadgen --model-prefix m --metric coco": "--metric has no effect outside the mode accuracy",
    "loadgen --model-prefix m --mode accuracy --min-queries 3": "--min-queries has no effect in",
    "loadgen --model-prefix m -j 0 --worker-timeout 3": "--worker-timeout has no effect without",
    "torch --no-inference --no-training": "--no-inference and --no-training leave nothing",
}
QUIET = (
    "model --iterations 3",
    "table --dataset-root d --splits 2012_val --calib-images 3",
    "formats --network ssd300_resnet50 --dataset-root d --metric coco --limit-images 3",
    "dali --anchors ssd_300_mobilenet0.25_voc",
    "contended --model-prefix m --nice 3",
    "serve --model-prefix m --broken 9",
    "loadgen --model-prefix m --scenario Server --streams 2 --target-latency 3 --min-queries 3",
    "loadgen --model-prefix m --mode accuracy --metric coco --worker-timeout 3",
    "torch --no-training",
)


def parsed(text: str):
    kind, *argv = text.split()
    return parse(KINDS[kind], argv, prog="benchmark_ssd.py", description="")


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_options_without_effect_are_refused(text, message):
    with pytest.raises(OptionError, match=message):
        parsed(text)


@pytest.mark.parametrize("text", QUIET)
def test_options_with_effect_pass(text, caplog):
    parsed(text)
    assert not caplog.messages


def test_rules_name_options_that_there_are():
    for command in KINDS.values():
        known = {flag.name for flag in flags_of(command)}
        assert {name for rule in getattr(command, "idle", ()) for name in rule.names} <= known

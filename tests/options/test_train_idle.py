"""Every rule of train_ssd.py: what is refused, what is told, and what goes on as it was."""

from __future__ import annotations

import pytest

from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import StepAugmentation
from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flags_of, parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_idle import OWN_CROP_TRIES, TRAIN_IDLE, WITHOUT_CROPS, WITHOUT_HUE


def parsed(text):
    argv = text.split()
    if "--recipe" not in argv:
        argv = ["--dataset", "custom", "--network", "mobilenet1.0", *argv]
    return parse(TrainCommand, argv, prog="train_ssd.py", description="")


REFUSED = {
    "--optimizer adam --momentum-rule torch": "--momentum-rule has no effect with --optimizer adam",
    "--warmup-factor 0.1": "--warmup-factor has no effect without --warmup-epochs",
    "-j 0 --worker-timeout 3": "--worker-timeout has no effect without processes that load images",
    "--optimizer adam --no-wd-on-bias-bn": "--no-wd-on-bias-bn has no effect while there is no wei",
    "--val-splits none --target-map 0.5": "--target-map has no effect without validation",
    "--val-splits none --val-epochs 1": "--val-epochs has no effect without validation",
    "--benchmark-warmup 3": "--benchmark-warmup has no effect outside the benchmark modes",
    "--mode benchmark-training --mllog x": "--mllog has no effect outside training",
    "--augmentation hflip --crop-tries 7": "--crop-tries has no effect on an augmentation without",
    "--augmentation ssd300_pil --crop-tries 50": "--crop-tries has no effect at 50",
    "--augmentation hflip --hue narrow": "--hue has no effect on an augmentation that leaves hues",
    "--mode evaluation --resume x --val-splits None": "--mode evaluation works on the validation s",
}
TOLD = {
    "--schedule cosine --lr-decay 0.5": ["--lr-decay has no effect with --schedule cosine, "],
    "--lr-decay-epoch= --lr-decay 0.5": ["--lr-decay has no effect while --lr-decay-epoch names"],
    "--optimizer adam --momentum 0.5": ["--momentum has no effect with --optimizer adam"],
    "--batch-size 32 --batch-size-per-device 4": ["--batch-size has no effect with --batch-size-p"],
    "--val-interval 1 --val-epochs 3": ["--val-interval has no effect with --val-epochs"],
    "--resume a.npz --start-epoch 3": ["--start-epoch has no effect on a checkpoint"],
    "--horovod --gpus 0,1": ["--gpus has no effect on which GPUs --horovod takes"],
    "--mode evaluation --resume x --lr 1 --limit-steps 3": [
        "--limit-steps has no effect outside training",
        "--lr has no effect where no weights are learnt",
    ],
}
QUIET = (
    "--schedule cosine --lr-decay 0.1",  # the default asks for nothing
    "--warmup-iters 5 --warmup-factor 0.1",
    "--recipe mlperf_retinanet",
    "--recipe nvidia_ssd300 --val-splits none",
    "--recipe nvidia_ssd300 --batch-size 8",
    "--mode benchmark-training --benchmark-warmup 3 --lr 0.1",
    "--augmentation ssd300_pil --crop-tries 7",
    "--crop-tries 50",
)


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_options_of_ours_are_refused(text, message):
    with pytest.raises(OptionError, match=message):
        parsed(text)


@pytest.mark.parametrize(("text", "messages"), TOLD.items())
def test_options_of_gluoncv_are_told(text, messages, caplog):
    parsed(text)
    assert [line[: len(start)] for line, start in zip(caplog.messages, messages, strict=True)] == (
        messages
    )


@pytest.mark.parametrize("text", QUIET)
def test_options_with_effect_pass(text, caplog):
    parsed(text)
    assert not caplog.messages


def test_rules_name_options_that_there_are():
    known = {flag.name for flag in flags_of(TrainCommand)}
    assert {name for rule in TRAIN_IDLE for name in rule.names} <= known


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_said_of_augmentations_is_true(name):
    native = POLICIES[name].native
    is_step = isinstance(native, StepAugmentation)
    assert (name in WITHOUT_CROPS) == (is_step and native.crop == "")
    assert (name in WITHOUT_HUE) == (native.hue == 0)
    assert (name in OWN_CROP_TRIES) == (is_step and native.crop != "")

"""Files of options: ini, and YAML of other projects."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import SAME, Case, Kind
from scripts.fuzzing.mutations import lines

_TRAIN = """[data]
dataset = custom
num_workers = 2

[optimizer]
batch_size = 4
epochs = 3
lr = 0.01
lr_decay_epoch = 1,2
"""
_TUNING = """[model]
framework = mxnet

[calibration]
sampling_sizes = 16,32

[accuracy]
criterion = relative
tolerable_loss = 0.01

[exit]
timeout = 0
max_trials = 3
"""
_YANNQI = """NAME: COCO
DATASET_PATH: data/coco
figsize: 300
feat_size: [38, 19, 10, 5, 3, 1]
steps: [8, 16, 32, 64, 100, 300]
MEAN: [0.485, 0.456, 0.406]
NUM_CLASSES: 81
"""
_ZOO_TUNING = """model:
  name: ssd
  framework: onnxrt_qlinearops
quantization:
  approach: post_training_static_quant
  calibration:
    sampling_size: 50
tuning:
  accuracy_criterion:
    relative: 0.01
  exit_policy:
    timeout: 0
  random_seed: 9527
"""


class OptionsKind(Kind):
    """A seed for each kind of file."""

    name = "ini"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """One of training, one of tuning, and the YAML files that are read in their place."""
        return {
            "train": {"file.ini": _TRAIN.encode()},
            "tuning": {"file.ini": _TUNING.encode()},
            "yannqi": {"file.yaml": _YANNQI.encode()},
            "zoo": {"file.yaml": _ZOO_TUNING.encode()},
        }

    def mutate(self, draw: random.Random) -> Case:
        """Changed lines, or the same ones saved by another editor."""
        seed = draw.choice(list(self.seeds))
        ((name, content),) = self.seeds[seed].items()
        if draw.random() < 0.12:
            text, story = lines.resaved(draw, content.decode())
            return Case(seed, {name: text}, SAME, f"{seed}: {story}")
        text, story = lines.mutated(draw, content.decode())
        return Case(seed, {name: text}, story=f"{seed}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """The options that come of it."""
        from gluon_ssd.options.declare import flat_values, parse
        from gluon_ssd.options.train import TrainCommand
        from gluon_ssd.options.zoo_tuning import load_tuning

        ending = "ini" if seed in ("train", "tuning") else "yaml"
        path = str(folder / f"file.{ending}")
        if seed in ("tuning", "zoo"):
            return load_tuning(path)
        return flat_values(parse(TrainCommand, ["--config", path], prog="train", description=""))

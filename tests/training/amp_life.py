"""Runs in mixed precision, in a process of their own, for tests/training/test_precision.py.

python -m tests.training.amp_life FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.errors import DivergedError
from gluon_ssd.models.interface import Loss
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.fit import fit
from gluon_ssd.training.journal import read_journal
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.precision.amp import MixedPrecision
from tests.training.builders import (
    NUM_CLASSES,
    SyntheticBatches,
    TinyDetector,
    arrays_of,
    make_hooks,
    make_plan,
)
from tests.training.team_parts import PlainDetector


class WideDetector(TinyDetector):
    """With one convolution that has enough channels to gain from bfloat16: 64 to 32."""

    def __init__(self):
        super().__init__()
        layers = mx.gluon.nn
        self.features = layers.HybridSequential()
        for inside, outside in ((3, 64), (64, 32)):
            self.features.add(
                layers.Conv2D(outside, 3, 2, 1, use_bias=False, in_channels=inside),
                layers.BatchNorm(in_channels=outside),
                layers.Activation("relu"),
            )
        self.classes = layers.Conv2D(2 * (NUM_CLASSES + 1), 3, 1, 1, in_channels=32)
        self.boxes = layers.Conv2D(2 * 4, 3, 1, 1, in_channels=32)


class ScaledFloat32(MixedPrecision):
    """The loss scaling of float16, with a network that computes in float32 as a CPU can."""

    def __init__(self):
        super().__init__("float16")

    def forward(self, network):
        return network


class Root(mx.gluon.HybridBlock):
    """Adds nothing to the value and NaN to the gradient: a root has no slope at zero."""

    def hybrid_forward(self, F, x):
        return x + F.sqrt(0 * F.abs(x))


class Hopeless(PlainDetector):
    """Its outputs are right and its gradients never."""

    def __init__(self):
        super().__init__()
        self.features.add(Root())


def make(kind):
    network = kind()
    network.initialize()
    rng = np.random.default_rng(0)
    for name, parameter in sorted(network._collect_params_with_prefix().items()):
        if name.endswith("weight"):
            parameter.set_data(mx.nd.array(rng.normal(size=parameter.shape, scale=0.1)))
    network.hybridize(static_alloc=True, static_shape=True)
    return network


class StopAt(Exception):
    """The end of a run that is cut off."""


def run(prefix, make_precision, *, kind=WideDetector, batches=None, stop_at=None, **plan):
    """Train; with `stop_at` the run breaks off before that (epoch, batch)."""
    network = make(kind)
    precision = make_precision(network)
    batches = batches or SyntheticBatches()

    def hook(epoch, number):
        if (epoch, number) == stop_at:
            raise StopAt

    batches.hook = hook
    try:
        fit(
            network,
            batches,
            contexts=[mx.cpu()],
            plan=make_plan(prefix, log_interval=1, checkpoint_interval_s=1e-9, **plan),
            loss=Loss(multibox_loss),
            hooks=make_hooks(network),
            precision=precision,
        )
    except StopAt:
        pass
    return network, precision


def in_bfloat16(network):
    precision = MixedPrecision("bfloat16")
    precision.convert(network, (3, 16, 16))
    return precision


def same(one, other):
    found, expected = arrays_of(one), arrays_of(other)
    return all(np.array_equal(found[name], expected[name]) for name in expected)


def epochs(prefix):
    return [line for line in read_journal(f"{prefix}_journal.jsonl") if line["event"] == "epoch"]


def losses(prefix):
    return [line["CrossEntropy"] for line in epochs(prefix)]


def scale_of(prefix):
    return {name: epochs(prefix)[-1][name] for name in ("loss_scale", "skipped")}


def message_of(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except DivergedError as error:
        return str(error)
    return "nothing"


def bfloat16_runs(folder):
    """Unbroken, broken off and resumed, exported, and with a broken loss."""
    seen = {}
    run(folder / "float32", lambda _: None)
    unbroken, _ = run(folder / "unbroken", in_bfloat16)
    split = in_bfloat16(unbroken).split
    seen["low"], seen["total"] = len(split.low), len(split.low) + len(split.kept)
    seen["float32_losses"] = losses(folder / "float32")
    seen["bfloat16_losses"] = losses(folder / "unbroken")
    seen["bfloat16_journal"] = scale_of(folder / "unbroken")
    run(folder / "cut", in_bfloat16, stop_at=(1, 2))
    checkpoint = str(folder / "cut_checkpoint.npz")
    resumed, _ = run(folder / "cut", in_bfloat16, resume=checkpoint)
    seen["bfloat16_resumed_equal"] = same(resumed, unbroken)
    for rule in ("sgd_torch", "adam"):
        plan = {"rule": rule, "schedule": Schedule(0.01)}
        run(folder / f"{rule}32", lambda _: None, **plan)
        whole, _ = run(folder / rule, in_bfloat16, **plan)
        run(folder / f"{rule}_cut", in_bfloat16, stop_at=(1, 2), **plan)
        checkpoint = str(folder / f"{rule}_cut_checkpoint.npz")
        again, _ = run(folder / f"{rule}_cut", in_bfloat16, resume=checkpoint, **plan)
        seen[f"{rule}_resumed_equal"] = same(again, whole)
        seen[f"{rule}_losses"] = [losses(folder / f"{rule}32"), losses(folder / rule)]
    weights = mx.nd.load(str(folder / "unbroken_best.params"))
    seen["weight_types"] = sorted({np.dtype(array.dtype).name for array in weights.values()})
    unbroken(mx.nd.zeros((1, 3, 16, 16)))
    unbroken.export(str(folder / "exported"), remove_amp_cast=True)
    seen["exported_casts"] = (folder / "exported-symbol.json").read_text().count("amp_")
    seen["broken"] = message_of(run, folder / "broken", in_bfloat16, batches=NotFinite())
    return seen


class NotFinite(SyntheticBatches):
    """The second image of the second batch has no loss."""

    def make(self, epoch, number):
        batch = super().make(epoch, number)
        if (epoch, number) == (0, 1):
            batch.arrays["box_targets"][1, 0] = np.inf
        return batch


class LargeGradients(SyntheticBatches):
    """Two batches have a finite loss, and gradients that are infinite once they are scaled."""

    def make(self, epoch, number):
        batch = super().make(epoch, number)
        if (epoch, number) in ((0, 1), (1, 1)):
            batch.arrays["image"] *= np.float32(1e36)
        return batch


def scaled_runs(folder):
    """The dynamic loss scale: overflows, resume, and no way out."""
    seen = {}

    def scaled(_):
        return ScaledFloat32()

    known = {"kind": PlainDetector, "batches": LargeGradients()}
    plain, _ = run(folder / "plain32", lambda _: None, kind=PlainDetector)
    same_with_scale, _ = run(folder / "plain_scaled", scaled, kind=PlainDetector)
    found, expected = arrays_of(same_with_scale), arrays_of(plain)
    seen["plain_scaled_difference"] = max(
        float(np.abs(found[name] - expected[name]).max()) for name in expected
    )
    for rule in ("sgd_torch", "adam"):
        plan = {"rule": rule, "schedule": Schedule(0.01), "kind": PlainDetector}
        one, _ = run(folder / f"{rule}_plain", lambda _: None, **plan)
        other, _ = run(folder / f"{rule}_scaled", scaled, **plan)
        found, expected = arrays_of(other), arrays_of(one)
        seen[f"{rule}_scaled_difference"] = max(
            float(np.abs(found[name] - expected[name]).max()) for name in expected
        )
        run(folder / f"{rule}_over", scaled, **known, rule=rule, schedule=Schedule(0.01))
        seen[f"{rule}_skipped"] = scale_of(folder / f"{rule}_over")["skipped"]
    unbroken, precision = run(folder / "scaled", scaled, **known)
    seen["scaled_journal"] = scale_of(folder / "scaled")
    seen["scaled_state"] = precision.state()
    facts = load_checkpoint(folder / "scaled_checkpoint.npz").facts
    seen["scaled_updates"], seen["scaled_steps"] = facts["num_updates"], facts["step"]
    run(folder / "again", scaled, **known, stop_at=(1, 3))
    checkpoint = str(folder / "again_checkpoint.npz")
    resumed, again = run(folder / "again", scaled, **known, resume=checkpoint)
    seen["scaled_resumed_equal"] = same(resumed, unbroken)
    seen["scaled_resumed_state"] = again.state()
    many = SyntheticBatches(counts=(60,))
    lost = {"kind": Hopeless, "batches": many, "epochs": 1}
    seen["lost"] = message_of(run, folder / "lost", scaled, **lost)
    return seen


def main(folder):
    """Write what all runs showed as JSON."""
    seen = scaled_runs(folder)
    if has_bfloat16(cpu_flags()):
        seen |= bfloat16_runs(folder)
    (folder / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A damaged checkpoint is refused in one line and changes nothing, or is the one that was saved."""

from __future__ import annotations

import copy
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon_ssd.errors import SsdError, WeightsError
from gluon_ssd.training.checkpoint import Checkpoint, load_checkpoint
from gluon_ssd.training.checkpointer import Checkpointer
from gluon_ssd.training.plan import Job
from gluon_ssd.training.resume import State, begin
from tests.training.builders import arrays_of, assert_same_weights, make_job


def trained(job: Job) -> Job:
    """The same after one update."""
    learner = job.learner
    batch = job.batches.make(0, 0)
    learner.devices.forward_backward(learner.network, learner.loss, batch.arrays)
    learner.optimizer.step(0.5)
    return job


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound checkpoint of a run that stands within its second epoch."""
    job = trained(make_job(tmp_path_factory.mktemp("saved") / "t", seed=1))
    Checkpointer(job).save(State(epoch=1, batch=2))
    return job.files.checkpoint


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A run of the same network with other weights that is to resume from `c.npz`."""
    return make_job(tmp_path / "t", resume=str(tmp_path / "c.npz"))


def refused(job: Job, message: str = "") -> None:
    """Assert that the run does not begin and is as it was."""
    learner, states = job.learner, (random.getstate(), np.random.get_state()[1].tolist())
    before = arrays_of(learner.network), learner.optimizer.state_arrays()
    with pytest.raises(SsdError, match=message) as caught:
        begin(job)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    assert caught.value.exit_code == 2
    assert_same_weights(arrays_of(learner.network), before[0])
    assert_same_weights(learner.optimizer.state_arrays(), before[1])
    assert states == (random.getstate(), np.random.get_state()[1].tolist())


def rewrite(path: Path, source: Path, arrays: dict, facts: Any) -> None:
    """Write a checkpoint of any arrays and facts."""
    text = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in {**arrays, "facts": np.frombuffer(text, np.uint8)}.items():
            with archive.open(f"{key}.npy", "w") as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def parts_of(path: Path) -> tuple[dict, dict]:
    found = load_checkpoint(path)
    return dict(found.arrays), copy.deepcopy(found.facts)


WEIGHT, MOMENTUM = "weights/classes.weight", "momentum/classes.weight"
SHAPE = (8, 8, 3, 3)
ARRAYS = {
    "a weight is missing": (WEIGHT, None, "classes.weight missing there"),
    "a weight of another shape": (WEIGHT, np.zeros((1, 8, 3, 3), "f4"), "does not fit this"),
    "a weight of another type": (WEIGHT, np.zeros(SHAPE), "is float64 .*, float32 .* here"),
    "a weight that is not finite": (WEIGHT, np.full(SHAPE, np.nan, "f4"), "is not finite"),
    "a weight too many": ("weights/more", np.zeros(2, "f4"), "missing here"),
    "no momentum of a weight": (MOMENTUM, None, "state of classes.weight is missing"),
    "momentum of another shape": (MOMENTUM, np.zeros((2, 2), "f4"), "does not fit this network"),
    "momentum of another type": (MOMENTUM, np.zeros(SHAPE, "i4"), "does not fit this network"),
    "momentum that is not finite": (MOMENTUM, np.full(SHAPE, np.inf, "f4"), "is not finite"),
    "momentum of no weight": ("momentum/more", np.zeros(2, "f4"), "does not fit this network"),
    "state of another rule": ("velocity/classes.weight", np.zeros(SHAPE, "f4"), "this rule"),
    "a copy of no weight": ("device1/more", np.zeros(2, "f4"), "device1/more is float32"),
    "a copy of another shape": ("device1/classes.weight", np.zeros(2, "f4"), "does not fit"),
    "an unknown group": ("momentom/classes.weight", np.zeros(2, "f4"), "are not known: momentom"),
    "no random state": ("random/numpy", None, "it lacks random/numpy"),
    "a short random state": ("random/numpy", np.zeros(3, "u4"), "random/numpy is"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_wrong_arrays_change_nothing(saved: Path, job: Job, case: str):
    key, array, message = ARRAYS[case]
    arrays, facts = parts_of(saved)
    arrays.pop(key, None)
    if array is not None:
        arrays[key] = array
    rewrite(Path(job.plan.resume), saved, arrays, facts)
    refused(job, message)


def test_a_run_with_updates_has_momentum(saved: Path, job: Job):
    arrays, facts = parts_of(saved)
    bare = {key: array for key, array in arrays.items() if not key.startswith("momentum/")}
    rewrite(Path(job.plan.resume), saved, bare, facts)
    refused(job, "it has no momentum of the weights after 1 updates")
    rewrite(Path(job.plan.resume), saved, arrays, {**facts, "num_updates": 0})
    refused(job, "the saved state belongs to no update")
    # Saved by a run whose momentum was 0, the same file is sound.
    rewrite(Path(job.plan.resume), saved, bare, {**facts, "options": {"momentum": 0.0}})
    assert begin(job).position == (1, 2)


FACTS = {
    "beyond its epoch": (
        {"batch": 10**9, "step": 10**9 + 3},
        "stands at batch 1000000000 of epoch 1, which has 4",
    ),
    "beyond the run": ({"epoch": 10**9}, "of epoch 1000000000, and the run is to end"),
    "a step beyond all epochs": ({"step": 10**12}, "step is .1000000000000 at epoch 1, batch 2"),
    "a negative batch": ({"batch": -1}, "batch is -1"),
    "another network": ({"network": {"name": "x"}}, "belongs to another network"),
    "a later format": ({"format": 2}, "has checkpoint format 2, this version reads 1"),
    "no format": ({"format": None}, "do not say their format"),
}


@pytest.mark.parametrize("case", FACTS)
def test_wrong_facts_change_nothing(saved: Path, job: Job, case: str):
    changes, message = FACTS[case]
    arrays, facts = parts_of(saved)
    rewrite(Path(job.plan.resume), saved, arrays, {**facts, **changes})
    refused(job, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "an integer of 5000 digits"),
        (b"\xff", "is not UTF-8 text"),
        (b"{", "is not valid JSON"),
        (b"[]", "do not say their format"),
        (b" " * (5 << 20), "it has no facts of a run"),
    ],
)
def test_facts_that_are_no_json_are_one_line(saved: Path, job: Job, text: bytes, message: str):
    rewrite(Path(job.plan.resume), saved, parts_of(saved)[0], text)
    refused(job, message)


ODD = [None, True, -1, 0, 1, 3.5, 10**9, 10**39, float("nan"), float("inf"), "x", "\u2028", [], {}]


def mutated_facts(facts: dict, rng: random.Random) -> dict:
    """Facts with one value, at any depth, that is changed, gone or of another kind."""
    facts = copy.deepcopy(facts)
    place: Any = facts
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = rng.choice(keys)
        inner = place[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.7:
            place = inner
        elif rng.random() < 0.3:
            del place[key]
            return facts
        else:
            place[key] = rng.choice([*ODD, [inner], {"x": inner}])
            return facts


def test_mutated_facts_are_refused_or_in_range(saved: Path, job: Job):
    arrays, facts = parts_of(saved)
    rng, number_refused = random.Random(0), 0
    for _ in range(400):
        rewrite(Path(job.plan.resume), saved, arrays, mutated_facts(facts, rng))
        try:
            state = begin(job)
        except SsdError as error:
            assert "\n" not in str(error) and error.exit_code == 2
            number_refused += 1
        else:
            assert 0 <= state.epoch <= job.plan.epochs
            assert 0 <= state.batch <= job.batches.num_batches(state.epoch)
    assert number_refused > 250


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        # Half of the faults hit the table of members, at the end.
        at = rng.randrange(len(data)) if rng.random() < 0.5 else -rng.randint(1, 3000)
        kind = rng.randrange(4)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = bytes(rng.randint(1, 9))
        elif kind == 2:
            del data[at : at + rng.randint(1, 40) or None]
        else:
            data[at] = rng.choice([0, 0x7F, 0xFF])
    return bytes(data)


def same(one: Checkpoint, other: Checkpoint) -> bool:
    return (
        one.facts == other.facts
        and one.arrays.keys() == other.arrays.keys()
        and all(np.array_equal(one.arrays[key], other.arrays[key]) for key in one.arrays)
    )


def test_mutated_files_are_refused_or_the_same(saved: Path, tmp_path: Path):
    wanted, content, path = load_checkpoint(saved), saved.read_bytes(), tmp_path / "c.npz"
    rng, number_refused = random.Random(0), 0
    for _ in range(600):
        path.write_bytes(mutated_bytes(content, rng))
        try:
            assert same(load_checkpoint(path), wanted)
        except WeightsError as error:
            assert "\n" not in str(error)
            number_refused += 1
    assert number_refused > 400

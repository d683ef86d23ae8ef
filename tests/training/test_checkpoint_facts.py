from __future__ import annotations

import json
import math
import random
from typing import Any

import numpy as np
import pytest

from gluon_ssd.training.checkpoint_facts import WrongFacts, check_facts, is_count, is_finite
from gluon_ssd.training.meters import Meter

NAME, WORDS, *REST = np.random.get_state()
FACTS: dict[str, Any] = json.loads(
    json.dumps(
        {
            "epoch": 2,
            "batch": 3,
            "step": 9,
            "num_updates": 9,
            "best_score": 0.5,
            "best_epoch": 2,
            "best_shown": None,
            "meter": Meter(losses={"a": 1.5}).state(),
            "options": {"lr": 0.1},
            "network": {"name": "tiny"},
            "amp": None,
            "random_python": random.getstate(),
            "random_numpy": [NAME, *REST],
        }
    )
)
AMP = {"dtype": "float16", "loss_scale": 2.0, "next_loss_scale": 4, "unskipped": 1, "skipped": 0}
AVERAGE = {"decay": 0.998, "steps": 9}
METER = FACTS["meter"]
VERSION, STATE, GAUSS = FACTS["random_python"]
HUGE = 10**40


def test_sound_facts_pass():
    check_facts(FACTS, WORDS)
    check_facts({**FACTS, "amp": AMP, "best_score": None, "best_epoch": None}, WORDS)
    check_facts({**FACTS, "later": [1]}, WORDS)
    check_facts({**FACTS, "average": None}, WORDS)
    check_facts({**FACTS, "average": AVERAGE}, WORDS)
    check_facts({name: value for name, value in FACTS.items() if name != "amp"}, WORDS)


def test_the_meter_of_the_first_versions_passes():
    old = {name: value for name, value in METER.items() if name != "losses"}
    check_facts({**FACTS, "meter": {**old, "class_sum": 1.0, "box_sum": 2}}, WORDS)


@pytest.mark.parametrize("name", sorted(FACTS.keys() - {"amp"}))
def test_a_missing_fact_is_named(name: str):
    facts = {other: value for other, value in FACTS.items() if other != name}
    with pytest.raises(WrongFacts, match=f"^it lacks {name}$"):
        check_facts(facts, WORDS)


WRONG = [
    *[(name, value) for name in ("epoch", "batch", "step", "num_updates") for value in (-1, HUGE)],
    *[("batch", value) for value in (1.0, True, "3", None, [], {}, math.nan)],
    *[("best_score", value) for value in (7.0, -2, math.nan, math.inf, HUGE**10, "0.5", True, [])],
    ("num_updates", 10_001),
    *[("step", value) for value in (2, 3 + 2 * 10**7 + 1, 10**12)],  # batch 3 of epoch 2
    *[("best_epoch", value) for value in (-1, 3, 0.5)],
    *[("best_waited", value) for value in (-1, 0.5, None, True)],
    *[("best_shown", value) for value in (math.nan, "x", 101.0)],
    *[("meter", value) for value in (None, [], {}, {**METER, "extra": 1}, {"class_sum": 1})],
    *[("meter", {**METER, "losses": value}) for value in (None, [1], {"a": math.nan}, {"a": "1"})],
    *[("meter", {**METER, "images": value}) for value in (-1, 0.5, None)],
    *[("meter", {**METER, "earlier_s": value}) for value in (-1.0, math.inf)],
    *[(name, value) for name in ("options", "network") for value in (None, [], "x", 3)],
    *[("amp", value) for value in (3, [], {}, {**AMP, "more": 1}, {**AMP, "dtype": "float32"})],
    *[("amp", {**AMP, "loss_scale": value}) for value in (0, -1.0, math.inf, math.nan, "1")],
    *[("amp", {**AMP, "skipped": value}) for value in (-1, 0.5)],
    *[("average", value) for value in (3, [], {}, {"steps": 9}, {**AVERAGE, "more": 1})],
    *[("average", {**AVERAGE, "decay": value}) for value in (0, 1, -0.5, math.nan, "0.9", None)],
    *[("average", {**AVERAGE, "steps": value}) for value in (-1, 0.5, None, True, 10_001, HUGE)],
    *[("random_python", value) for value in (None, [], [3, STATE], [2, STATE, None], [3, 4, 5])],
    *[("random_python", [3, [*STATE[:-1], value], None]) for value in (-1, 625, 0.5)],
    *[("random_python", [3, [value, *STATE[1:]], None]) for value in (-1, 2**32, "1", True)],
    *[("random_python", [3, STATE, value]) for value in (math.nan, "x")],
    *[("random_python", [3, STATE[1:], None])],
    *[("random_numpy", value) for value in (None, [], ["PCG64", 0, 0, 0.0], [NAME, 0, 0])],
    *[("random_numpy", [NAME, *value]) for value in ((625, 0, 0.0), (0, 2, 0.0), (0, 0, math.nan))],
]


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=[f"{name}-{row}" for row, (name, _) in enumerate(WRONG)]
)
def test_a_wrong_fact_is_named_in_one_short_line(name: str, value: Any):
    with pytest.raises(WrongFacts, match=f"^{name} is ") as caught:
        check_facts({**FACTS, name: value}, WORDS)
    assert len(str(caught.value)) < 100 and "\n" not in str(caught.value)


@pytest.mark.parametrize("facts", [None, [], 3, "x"])
def test_facts_are_an_object(facts: Any):
    with pytest.raises(WrongFacts, match="its facts is"):
        check_facts(facts, WORDS)


@pytest.mark.parametrize(
    "words", [None, WORDS[1:], WORDS.astype(np.int64), WORDS.reshape(2, 312)], ids=range(4)
)
def test_the_words_of_numpys_generator_are_checked(words: Any):
    with pytest.raises(WrongFacts, match="random/numpy"):
        check_facts(FACTS, words)


def test_numbers():
    assert is_count(0) and is_count(2**53) and not is_count(2**53 + 1) and not is_count(False)
    assert is_count(3, 3) and not is_count(4, 3)
    assert is_finite(-1.5) and is_finite(10**300) and not is_finite(10**400)

"""COCO files with chance faults: opened, checked and scored, or refused in one line."""

from __future__ import annotations

import copy
import json
import random

import pytest

from gluon_ssd.commands.check_data import check_reports
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.errors import DataError
from gluon_ssd.inference.metrics import make_score
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.system.wording import one_line
from tests.data.builders import coco_content, write_coco
from tests.test_coco_files import BOXES, CATEGORIES, found_all

CASES, SHARDS = 560, 4
VALUES = (
    *(None, True, -1, 0, 1, 2.5, 10**30, -(10**30), 1e308, float("nan"), float("inf")),
    *("", "1", "a\nb", "../../x.jpg", "/etc/hostname", "x" * 5000, "\x00", "\u2028", "²"),
    *([], {}, [[]], [1] * 4, [float("nan")] * 4, [10**30] * 4, ["1"] * 4, {"id": 1}),
)
TEXTS = ("1" + "0" * 400, "[" * 100_000, '"\\ud800"', "1e999", "-", "nul", "")


def places(value, path=()):
    """The path of every value within a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else ()
    children = enumerate(value) if isinstance(value, list) else children
    for key, child in children:
        yield from places(child, (*path, key))


def mutated(content, chance):
    """The text of the content with one to three faults."""
    content = copy.deepcopy(content)
    for _ in range(chance.randint(1, 3)):
        *path, last = chance.choice([each for each in places(content) if each])
        parent = content
        for key in path:
            parent = parent[key]
        what = chance.random()
        if what < 0.2:
            del parent[last]
        elif what < 0.3 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        else:
            parent[last] = copy.deepcopy(chance.choice(VALUES))
    text = json.dumps(content)
    if chance.random() < 0.1:
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(TEXTS) + text[place + 1 :]
    return text


@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_files_are_used_or_refused_in_one_line(tmp_path, shard):
    content = coco_content((1, 2), BOXES, CATEGORIES)
    file = write_coco(tmp_path, "val", content)
    options = CheckOptions(dataset="custom", dataset_root=str(tmp_path), splits="val", fast=True)
    used = refused = 0
    for case in range(shard, CASES, SHARDS):
        file.write_text(mutated(content, random.Random(case)), encoding="utf-8")
        for work in (lambda: score_of(tmp_path), lambda: lines_of(options)):
            try:
                result = work()
                used += 1
            except DataError as error:
                refused += 1
                result = [one_line(str(error))]
                assert len(result[0]) < 2000, case
            assert all(len(line.splitlines()) == 1 for line in result), case
    assert used > CASES / SHARDS / 4 and refused > CASES / SHARDS / 4


def score_of(root):
    """The score of what is there, which is 1 whatever was left out, or NaN of nothing."""
    dataset = open_dataset("custom", Selection(root, train=False))
    score = make_score(dataset, "auto")(found_all(dataset)).score
    assert score == pytest.approx(1.0) or not any(
        len(dataset.annotation(i).labels[~dataset.annotation(i).crowd]) for i in range(len(dataset))
    )
    return dataset.classes


def lines_of(options):
    (report,) = check_reports(options)
    return report.lines(None)

"""Mixed precision in two real processes with Horovod: an overflow in one is skipped by both."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.training.team_launch import arrays_of_ranks, run_two

pytestmark = pytest.mark.horovod


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amp_team")
    run_two("tests.training.amp_team_life", folder, timeout_s=120)
    return folder


@pytest.fixture(scope="module")
def weights(folder):
    return arrays_of_ranks(folder)


@pytest.fixture(scope="module")
def states(folder):
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def group(found, name):
    return {k: array for k, array in found.items() if k.startswith(name + "/")}


@pytest.mark.parametrize("name", ["scaled", "resumed", "bfloat16"])
def test_weights_are_the_same_on_both(weights, name):
    if name == "bfloat16" and not has_bfloat16(cpu_flags()):
        pytest.skip("this CPU has no bfloat16")
    first, second = (group(found, name) for found in weights)
    trained = [key for key in first if "running" not in key]
    assert len(trained) >= 6
    for key in trained:
        np.testing.assert_array_equal(second[key], first[key], err_msg=key)


def test_both_skip_what_overflows_in_one(states):
    for state in states:
        assert state["scaled"]["skipped"] == 2
        assert state["scaled"]["loss_scale"] == 2.0**14


def test_the_loss_scale_reaches_both_after_a_resume(states, weights):
    for state, found in zip(states, weights, strict=True):
        assert state["resumed"] == state["scaled"]
        expected = group(found, "scaled")
        for key, array in group(found, "resumed").items():
            name = key.replace("resumed/", "scaled/")
            np.testing.assert_array_equal(array, expected[name], err_msg=name)

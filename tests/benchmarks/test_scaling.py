"""The benchmarks of several processes: one real short run, and the table on paper."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_ssd.benchmarks.scaling import (
    exchange_seconds,
    gradient_bytes,
    limit_images_per_second,
)
from gluon_ssd.families.build import build_network
from tests.entry_builders import ROOT, one_error, run_script

SCRIPT = "scripts/benchmark_ssd.py"


@pytest.mark.parametrize(
    ("name", "megabytes"), [("ssd_512_mobilenet1.0_voc", 55.1), ("ssd_300_mobilenet0.25_voc", 13.0)]
)
def test_gradients_have_four_bytes_a_trained_number(name, megabytes):
    network = build_network(name)
    found = gradient_bytes(network)
    trained = [p for p in network.collect_params().values() if p.grad_req != "null"]
    shapes = [p.shape for p in trained if len(p.shape) == 4]
    assert found > 4 * sum(a * b * c * d for a, b, c, d in shapes)
    assert found / 1e6 == pytest.approx(megabytes, abs=0.05)


def test_table_on_paper_has_a_row_for_each_number_of_processes(tmp_path):
    output = tmp_path / "rows.json"
    ended = run_script(
        SCRIPT, "network-bound", "--network", "ssd_300_mobilenet0.25_voc", "--output", output
    )
    assert ended.code == 0, ended.err
    rows = json.loads(output.read_text())
    assert [row["processes"] for row in rows] == [8, 64, 512]
    assert rows[0]["10 Gbit/s fp32"].split(",")[0] == "19 ms"  # 13 MB, 7/4 of it at 1.25 GB/s


def test_unknown_network_is_one_line():
    assert "the network must be one of " in one_error(
        run_script(SCRIPT, "scaling", "--network", "x")
    )


@pytest.mark.horovod
def test_two_processes_are_compared_with_one():
    launcher = Path(sys.executable).with_name("horovodrun")
    command = [launcher, "-np", "2", "--gloo", sys.executable]
    options = ["--network", "ssd_160_tiny_custom", "--batch-size", "1"]
    ended = subprocess.run(
        [*command, ROOT / SCRIPT, "scaling", *options, "--rounds", "1", "--steps", "1"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    for line in ("| efficiency  ", "all-reduce of a step by itself", "2 with Horovod"):
        assert ended.stdout.count(line) == 1, ended.stdout


@pytest.mark.parametrize(
    ("megabytes", "processes", "gbit", "latency_us", "expected_ms"),
    [
        (100, 1, 10, 20, 0.0),  # nobody to talk to
        (100, 2, 10, 0, 80.0),  # 100 MB at 1.25 GB/s
        (100, 8, 10, 0, 140.0),  # 7/4 of the bytes
        (50, 8, 10, 0, 70.0),  # as float16
        (100, 8, 100, 100, 15.4),  # 14 messages in one buffer
        (200, 8, 100, 100, 30.8),  # 28 messages in two buffers
    ],
)
def test_exchange_of_a_ring(megabytes, processes, gbit, latency_us, expected_ms):
    seconds = exchange_seconds(megabytes * 1e6, processes, gbit, latency_s=latency_us * 1e-6)
    assert 1000 * seconds == pytest.approx(expected_ms)


def test_network_decides_above_the_speed_that_hides_the_exchange():
    # 8 images in 0.2 s compute for 0.12 s while gradients travel.
    assert limit_images_per_second(0.12, 8, 0.6) == pytest.approx(40)
    assert limit_images_per_second(0.0, 8, 0.6) == math.inf

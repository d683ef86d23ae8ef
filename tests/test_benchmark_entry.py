"""scripts/benchmark_ssd.py: every kind once, small; its numbers belong together."""

from __future__ import annotations

import json
import sys

import pytest

from gluon_ssd.families.build import build_network
from gluon_ssd.models.first_weights import initialize
from tests.data.builders import voc_object, voc_xml, write_voc
from tests.entry_builders import export, one_error, run_script, sure_weights


def benchmark(kind, folder, *argv):
    """Run one kind; its text and its rows."""
    output = folder / "new" / "rows.json"
    ended = run_script("scripts/benchmark_ssd.py", kind, "--output", output, *argv)
    assert ended.code == 0, ended.err
    return ended.out, json.loads(output.read_text())


def as_table(text):
    lines = text.strip().splitlines()
    assert lines[0].startswith("| ") and set(lines[1]) <= set("|-: ")
    return lines


def voc_root(folder, count):
    """VOC2007 with split test; the last image is bare, which GluonCV's transform cannot take."""
    box = voc_object("dog", (3, 5, 40, 50))
    stems = [f"{n:06d}" for n in range(count)]
    texts = {stem: voc_xml([box] if stem != stems[-1] else []) for stem in stems}
    write_voc(folder / "VOC2007", texts, {"test": stems})
    return folder


def test_data(tmp_path):
    root = voc_root(tmp_path / "voc", 6)
    options = ("--dataset-root", root, "--data-shape", 300, "--num-images", 3, "--rounds", 2)
    text, rows = benchmark("data", tmp_path, *options)
    assert [(row["anchors"], row["size"]) for row in rows] == [(2268, 300), (8732, 300)]
    for row in rows:
        assert (row["images"], row["rounds"]) == (3, 2)
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert row["ours_ms"] > 0 and row["images/s with 2 workers"] > 0
    assert len(as_table(text)) == 4


def test_data_without_a_box_is_one_line(tmp_path):
    root = voc_root(tmp_path / "voc", 1)
    ended = run_script("scripts/benchmark_ssd.py", "data", "--dataset-root", root)
    assert one_error(ended) == (
        f"error: no image under {root} has a box, which GluonCV's transform needs; "
        "name other --splits"
    )


def test_decode(tmp_path):
    options = ("--network", "ssd_300_mobilenet0.25_voc", "--num-classes", 3, "--rounds", 2)
    text, rows = benchmark("decode", tmp_path, *options, "--batch-size", 2)
    assert len(as_table(text)) == 2 + len(rows)
    assert [r["start"] for r in rows] == ["from probabilities", "from logits", "suppression alone"]
    for row in rows:
        assert (row["anchors"], row["classes"], row["batch"]) == (2268, 3, 2)
        assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
        assert row["ours_ms"] > 0 and row["original_ms"] > 0


def test_model(tmp_path):
    words = ("--network", "ssd_300_mobilenet0.25_coco", "tiny", "--iterations", 2)
    text, rows = benchmark("model", tmp_path, *words)
    note, table = text.split("\n\n")
    assert "batch norm, activations and the detection layer are not counted" in " ".join(
        note.split()
    )
    assert len(as_table(table)) == 4 and table.splitlines()[2].count(" 6573638 ") == 2
    assert [row["network"] for row in rows] == [words[1], "ssd_160_tiny_custom"]
    assert all(row["fp32, ms"] > 0 for row in rows)
    ended = run_script("scripts/benchmark_ssd.py", "model", *words[:3], "--no-latency", "--json")
    counted = [{key: row[key] for key in list(row)[:9]} for row in rows]
    assert json.loads(ended.out) == counted


def test_model_of_an_unknown_network_is_one_line():
    ended = run_script("scripts/benchmark_ssd.py", "model", "--network", "tiny", "vgg16")
    assert "the network must be one of " in one_error(ended) and "'vgg16'" in ended.err


def test_torch_without_its_environment_is_one_line(tmp_path):
    ended = run_script("scripts/benchmark_ssd.py", "torch", "--python", tmp_path / "python")
    assert "make an environment with bash scripts/torch_env.sh" in one_error(ended)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    ended = export(sure_weights(folder / "sure.params"), folder / "model", "--no-fuse")
    assert ended.code == 0, ended.err
    return folder / "model"


def test_deploy(tmp_path, prefix):
    options = ("--model-prefix", f"{prefix}-symbol.json", "--batch-size", 2, "--rounds", 5)
    text, (row,) = benchmark("deploy", tmp_path, *options)
    assert row["batch"] == 2
    assert row["as written, ms"] > 0 and row["folded and fused, ms"] > 0
    assert 0 < row["p10"] <= row["x the time"] <= row["p90"]
    assert len(as_table(text)) == 3


def test_evaluation_both_ways_gives_the_same_score(tmp_path, shared_dir):
    model, root = shared_dir / "weights/ssd_300_mobilenet0.75_voc", shared_dir / "data/voc-mini"
    if not (root.is_dir() and model.with_name(f"{model.name}-0000.params").is_file()):
        pytest.skip(f"no {model} or {root}")
    named = f"{model}-symbol.json"  # either file names the model too
    options = ("--model-prefix", named, "--dataset-root", root, "--limit-images", 20)
    text, rows = benchmark("eval", tmp_path, *options, "--rounds", 1, "--num-workers", 0)
    assert len(as_table(text)) == 2 + len(rows)
    assert [row["way"] for row in rows] == ["original", "ours"]
    assert [row["images"] for row in rows] == [20, 20]
    # 20 images in batches of 16: both ways score all of them.
    assert [row["mAP"] for row in rows] == pytest.approx([0.8767] * 2, abs=1e-3)


@pytest.mark.serve
@pytest.mark.slow
def test_a_service_under_load(tmp_path, prefix):
    options = ("--model-prefix", prefix, "--clients", 4, "--seconds", 0.5, "--rounds", 1)
    text, (row,) = benchmark("serve", tmp_path, *options, "--requests", 100, "--broken", 10)
    assert (row["wrong"], row["lost"], row["exit code after SIGTERM"]) == (0, 0, 0)
    assert row["answers by code"] == "200: 90, 400: 6, 413: 2, 415: 2"
    for name in ("service", "network", "predict"):
        assert row[f"{name}, images/s"] > 0
    assert 0 < row["p50, ms"] <= row["p99, ms"]
    assert row["memory at the end, MiB"] > 0
    assert "decoding and HTTP counted" in " ".join(text.split())


def test_unknown_network_is_one_line():
    ended = run_script("scripts/benchmark_ssd.py", "decode", "--network", "vgg16")
    assert one_error(ended).startswith("error: the network must be one of ")


def test_missing_horovod_is_one_line_without_a_flag_of_another_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "horovod.mxnet", None)
    ended = run_script("scripts/benchmark_ssd.py", "scaling")
    assert one_error(ended).endswith(" install it with: bash scripts/setup.sh --extras horovod")


@pytest.mark.parametrize("kind", ["deploy", "eval"])
def test_model_prefix_is_needed(kind):
    ended = run_script("scripts/benchmark_ssd.py", kind)
    assert one_error(ended) == ("error: --model-prefix PREFIX is needed: the exported model's name")


def test_table(tmp_path):
    name = "ssd_300_mobilenet0.25_voc"
    network = build_network(name)
    initialize(network)
    weights = tmp_path / "random.params"
    network.save_parameters(str(weights))
    root = voc_root(tmp_path / "voc", 4)
    options = ("--networks", name, "--weights", f"{name}={weights}", "--dataset-root", root)
    text, found = benchmark(
        "table", tmp_path, *options, "--seconds", 0, "--batch-size", 2, "--num-workers", 0
    )
    assert found["threads"] >= 1 and found["instructions"] in ("AMX", "VNNI", "no VNNI")
    (row,) = found["models"]
    assert row["weights"] == "weights of random.params"
    forms = {"original f32", "ours f32", "original s8", "ours s8"}
    for measure, batch in (("latency", 1), ("throughput", 2)):
        assert row[measure]["batch"] == batch
        assert row[measure]["median_ms"].keys() == row[measure]["turns_ms"].keys() == forms
        assert all(len(times) == 3 for times in row[measure]["turns_ms"].values())
    assert 0 < row["decode_share"]
    assert row["mAP"].keys() == forms
    # The same weights on both sides, and the same images.
    assert row["mAP"]["ours f32"] == pytest.approx(row["mAP"]["original f32"], abs=1e-6)
    folder = tmp_path / "new"
    assert (folder / "rows.md").read_text().strip() == text.strip()
    assert (folder / "rows.png").read_bytes().startswith(b"\x89PNG")
    assert f"{name} (weights of random.params): our int8 is " in text


def test_table_of_an_exported_model_with_its_scores(tmp_path, shared_dir):
    model, root = shared_dir / "weights/ssd_300_mobilenet0.75_voc", shared_dir / "data/voc-mini"
    if not (root.is_dir() and model.with_name(f"{model.name}-0000.params").is_file()):
        pytest.skip(f"no {model} or {root}")
    options = ("--networks", "", "--models", model, "--dataset-root", root, "--limit-images", 16)
    text, found = benchmark(
        "table", tmp_path, *options, *("--seconds", 0, "--num-workers", 0, "--calib-images", 4)
    )
    (row,) = found["models"]
    assert (row["model"], row["weights"]) == (model.name, "exported model")
    assert row["mAP"]["ours f32"] == pytest.approx(row["mAP"]["original f32"], abs=1e-6)
    assert row["mAP"]["ours s8"] == pytest.approx(row["mAP"]["ours f32"], abs=0.05)
    assert "| ssd_300_mobilenet0.75_voc | s8 mAP" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--networks", "", "--models", "missing"), "there is no file missing-symbol.json"),
        (("--networks", "ssd_512_mobilenet_voc"), "did you mean ssd_512_mobilenet1.0_voc?"),
        (("--networks", "ssd_300_mobilenet1.0_custom"), "has no classes of its own"),
        (("--networks", ","), "--networks needs at least one"),
        (("--weights", "file.params"), "--weights wants NAME=FILE"),
        (("--weights", "ssd_300_mobilenet1.0_voc=f"), "is not among --networks"),
        (
            (
                *("--networks", "ssd_300_mobilenet0.25_voc"),
                *("--weights", "ssd_300_mobilenet0.25_voc=missing.params"),
            ),
            "missing.params",
        ),
    ],
)
def test_table_options_are_checked(options, message):
    assert message in one_error(run_script("scripts/benchmark_ssd.py", "table", *options))


@pytest.mark.dali
@pytest.mark.parametrize("train", ["", "ssd_300_mobilenet0.25_voc"], ids=["load", "train"])
def test_dali(tmp_path, train):
    root = voc_root(tmp_path / "voc", 6)
    options = ("--dataset-root", root, "--rounds", 1, "--batch-size", 2, "--num-workers", 1)
    text, rows = benchmark("dali", tmp_path, *options, "--train", train)
    names = ["GluonCV", "native", "native, zoom-out off", "DALI", "DALI, zoom-out off"]
    assert [row["loader"] for row in rows] == (names[:2] + names[3:4] if train else names)
    for row in rows:
        assert 0 < row["least"] <= row["images/s"] <= row["most"]
        assert row["CPU ms/image"] > 0
        assert (0 < row["waiting for data"] < 1) if train else row["waiting for data"] == 0
    assert rows[0]["x GluonCV"] == 1
    assert len(as_table(text)) == 2 + len(rows)

"""eval_ssd.py: what it prints and writes, on planted detections and on the really trained model."""

from __future__ import annotations

import json
import math
import re
from collections import Counter

import pytest

from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from tests.entry_builders import (
    evaluate,
    export,
    found_set,
    one_error,
    run_script,
    sure_weights,
    working_in,
)

PER_IMAGE = 8  # boxes of truth, in each of 5 images


@pytest.fixture(scope="module")
def data(tmp_path_factory, weights):
    """The truth is what the network finds, so that every score is known."""
    return found_set(tmp_path_factory.mktemp("data") / "set", weights, PER_IMAGE)


@pytest.fixture(scope="module")
def perfect(data, weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("perfect")
    files = ("--results", folder / "new" / "r.json", "--save-detections", folder / "d.json")
    ended = evaluate(data, weights, "--post-nms", PER_IMAGE, *files)
    assert ended.code == 0, ended.err
    results = json.loads((folder / "new" / "r.json").read_text())
    return ended, results, json.loads((folder / "d.json").read_text())["detections"]


def test_prints_arguments_throughput_and_a_line_per_class(perfect):
    lines = perfect[0].out.splitlines()
    assert re.fullmatch(r"Namespace\(.*auto_tuning=False, .*post_nms=8, .*\)", lines[0])
    assert re.fullmatch(r"Throughput is \d+\.\d{6} img/sec\.", lines[1])
    # Every box is found and nothing else: the classes travel with the weights.
    assert lines[2:] == ["cat 1.0000", "dog 1.0000", "mAP 1.0000"]
    assert perfect[0].err == ""


def test_results_file_holds_scores_and_speed(perfect):
    results = perfect[1]
    assert results["score"] == pytest.approx(1)
    assert results["class_scores"] == pytest.approx({"cat": 1, "dog": 1})
    assert results["images"] == 5
    assert results["images_per_second"] == pytest.approx(5 / results["seconds"])


def test_detections_file_holds_every_box_in_pixels_of_the_image(perfect, data):
    rows = perfect[2]
    assert Counter(row["image"] for row in rows) == {
        str(data / "JPEGImages" / f"i{n}.jpg"): PER_IMAGE for n in range(5)
    }
    assert {row["class"] for row in rows} == {"cat", "dog"}
    for row in rows:
        x_min, y_min, x_max, y_max = row["box_px"]
        assert 0 <= x_min < x_max <= 320 and 0 <= y_min < y_max <= 240
        assert 0.6 < row["score"] < 1


def test_answers_of_an_endpoint_are_the_same_detections(perfect, data, weights, tmp_path):
    file = tmp_path / "d.jsonl"
    ended = evaluate(
        *(data, weights, "--post-nms", PER_IMAGE),
        *("--save-detections", file, "--schema", "endpoint"),
    )
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["image"] for line in lines] == sorted({row["image"] for row in perfect[2]})
    rows = [row for line in lines for row in line["prediction"]]
    classes = [("cat", "dog")[int(row[0])] for row in rows]
    assert classes == [row["class"] for row in perfect[2]]
    boxes = [[row[2] * 320, row[3] * 240, row[4] * 320, row[5] * 240] for row in rows]
    for box, row in zip(boxes, perfect[2], strict=True):
        assert box == pytest.approx(row["box_px"], abs=0.006)


def test_fewer_detections_lower_the_recall_as_computed_by_hand(perfect, data, weights, tmp_path):
    """All that is found is right, so the 11-point mean counts the recall levels reached."""
    files = ("--results", tmp_path / "r.json", "--save-detections", tmp_path / "d.json")
    ended = evaluate(data, weights, "--post-nms", PER_IMAGE // 2, *files)
    rows = json.loads((tmp_path / "d.json").read_text())["detections"]
    found = Counter(row["class"] for row in rows)
    truth = Counter(row["class"] for row in perfect[2])
    assert sum(found.values()) == 20 and sum(truth.values()) == 40
    expected = {
        name: (math.floor(10 * found[name] / truth[name] + 1e-9) + 1) / 11 for name in truth
    }
    scores = json.loads((tmp_path / "r.json").read_text())["class_scores"]
    assert scores == pytest.approx(expected)
    mean = sum(expected.values()) / 2
    assert ended.out.splitlines()[-1] == f"mAP {mean:.4f}"


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (3, 2), (64, 0)])
def test_every_image_counts_whatever_the_batch(data, weights, perfect, tmp_path, batch, workers):
    """5 images in batches of 3: legacy lost the last two."""
    file = tmp_path / "d.json"
    ended = evaluate(
        *(data, weights, "--post-nms", PER_IMAGE, "--batch-size", batch, "-j", workers),
        *("--save-detections", file),
    )
    assert ended.code == 0, ended.err
    assert json.loads(file.read_text())["detections"] == perfect[2]


def test_coco_metric_of_rounded_boxes_is_high(data, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = evaluate(data, weights, "--post-nms", PER_IMAGE, "--metric", "coco")
    text = ended.out
    assert "Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 1.000" in text
    # Boxes of 15 pixels, rounded: IoU 0.9 to 1.
    assert 80 <= float(text.splitlines()[-1]) <= 100
    assert text.splitlines()[-2] == "~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~"


def test_limit_images_scores_the_first_ones(data, weights, tmp_path):
    evaluate(data, weights, "--limit-images", 2, "--results", tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["images"] == 2


def test_model_without_a_class_of_the_data_is_one_line(data, tmp_path):
    message = one_error(evaluate(data, sure_weights(tmp_path / "bird.params", ("bird",))))
    assert message.startswith(
        "error: the model knows 1 classes (bird), none of which the data set has: its own, with "
    )
    assert "cat (" in message and "dog (" in message


def without_names(weights, prefix):
    """An exported model that carries nothing but its graph, as those of GluonCV."""
    assert export(weights, prefix).code == 0
    symbol = json.loads(prefix.with_name(f"{prefix.name}-symbol.json").read_text())
    del symbol["attrs"]["gluon_ssd_model"]
    prefix.with_name(f"{prefix.name}-symbol.json").write_text(json.dumps(symbol))
    return ("--deploy", "--model-prefix", prefix)


@pytest.mark.parametrize("names", [("ant",), ("ant", "bee", "cow")])
def test_nameless_model_with_another_number_of_classes_is_one_line(data, tmp_path, names):
    model = without_names(sure_weights(tmp_path / "w.params", names), tmp_path / "bare")
    ended = evaluate(data, None, *model)
    line = one_error(ended)
    known = f"error: the model has {len(names)} classes, the data set has 2 (cat, dog); choose the "
    assert line.startswith(known) and line.endswith("(--dataset, --classes)")
    assert "Throughput" not in ended.out


def test_nameless_model_takes_the_class_numbers_of_the_data_and_says_so(data, weights, tmp_path):
    ended = evaluate(data, None, *without_names(weights, tmp_path / "bare"))
    assert ended.code == 0, ended.err
    assert ended.err.splitlines() == [
        f"{tmp_path}/bare does not say which network it is, so that --network mobilenet0.25 is not "
        "used",
        "the model does not carry class names: its class k is taken as class k of the data set "
        "(cat, dog)",
    ]


def test_classes_file_in_another_order_is_one_line(data, weights, tmp_path):
    prefix = tmp_path / "model"
    assert export(weights, prefix).code == 0
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    deployed = ("--deploy", "--model-prefix", prefix, "--classes", tmp_path / "names.txt")
    message = one_error(evaluate(data, None, *deployed))
    assert "the model knows 2 classes (cat, dog), and 2 were named (dog, cat): the ord" in message


def test_benchmark_prints_the_legacy_lines_and_then_latencies(weights):
    ended = evaluate(
        *("unused", weights, "--benchmark", "--num-iterations", 6, "--batch-size", 2),
    )
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()[1:]
    time = r"\d+\.\d+ ms"
    spread = rf"median {time}, p90 {time}, p99 {time}"
    name = "ssd_300_mobilenet0.25_custom"
    expected = [
        rf"-----benchmarking on {re.escape(name)} -----",
        rf"Inference speed on {re.escape(name)}, with batchsize 2 is \d+\.\d\d img/sec",
        rf"latency of a batch of 2: {spread}",
        rf"pre-processing of one 640x480 picture \(resize, normalise\): {spread}",
        rf"network: {spread}",
        rf"decoding and suppression: {spread} \(\d+\.\d% of network and decoding\)",
        r"peak memory \d+ MiB, \d+ compute threads",
    ]
    assert len(lines) == len(expected), ended.out
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern}"


def test_benchmark_on_images_of_the_data_set(data, weights):
    options = ("--benchmark", "--benchmark-data", "--num-iterations", 3, "--batch-size", 2)
    ended = evaluate(data, weights, *options)
    assert ended.code == 0, ended.err
    number = r"\d+\.\d"
    assert re.search(
        rf"^\d images of the data set: {number} detections an image, of {number} candidates that "
        r"enter suppression \(\d+ to \d+\)$",
        ended.out,
        re.MULTILINE,
    ), ended.out
    assert "Inference speed on ssd_300_mobilenet0.25_custom, with batchsize 2 is" in ended.out


def test_images_for_a_benchmark_need_the_benchmark(data, weights):
    message = one_error(evaluate(data, weights, "--benchmark-data"))
    assert message == "error: --benchmark-data chooses the images of --benchmark; give both"


@pytest.mark.parametrize("word", ["false", "0"])
def test_benchmark_needs_no_weights(word, tmp_path):
    options = ("--benchmark", "--num-iterations", 1, "--batch-size", 1, "--model-root", tmp_path)
    ended = evaluate("unused", word, *options)
    assert ended.code == 0, ended.err
    assert "Inference speed on ssd_300_mobilenet0.25_custom, with batchsize 1 is" in ended.out
    said = [line for line in ended.err.splitlines() if "this machine is busy" not in line]
    assert said == [
        "ssd_300_mobilenet0.25_custom has random weights and 20 classes: only its speed is measured"
    ]


# --- the really trained model ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared_dir):
    """Options for the VOC model and its images."""
    prefix, root = shared_dir / "weights/ssd_300_mobilenet0.75_voc", shared_dir / "data/voc-mini"
    if not (root.is_dir() and prefix.with_name(f"{prefix.name}-0000.params").is_file()):
        pytest.skip(f"no {prefix} or {root}")
    options = ("--deploy", "--model-prefix", prefix, "--data-shape", 300, "--dataset", "voc")
    return (*options, "--dataset-root", root)


COCO_MODEL = "ssd_300_mobilenet0.75_coco"

REAL_AP = {
    "aeroplane": 0.5861,
    "bird": 0.5438,
    "bottle": 0.2601,
    "bus": 0.9251,
    "person": 0.6936,
    "tvmonitor": 0.7957,
    "mAP": 0.6385,
}


@pytest.mark.slow
def test_real_model_reaches_its_map_on_all_images(real, tmp_path):
    # 496 images in batches of 64: legacy would score 448 of them.
    ended = run_script("eval_ssd.py", *real, "--results", tmp_path / "r.json", "-j", 2)
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["images"] == 496
    assert results["score"] == pytest.approx(0.6385, abs=5e-4)
    lines = dict(line.rsplit(" ", 1) for line in ended.out.splitlines()[2:])
    assert len(lines) == 21
    assert {name: float(lines[name]) for name in REAL_AP} == pytest.approx(REAL_AP, abs=2e-3)


def short(real, folder, *argv):
    """The first 30 images; the results and the detections."""
    files = ("--results", folder / "r.json", "--save-detections", folder / "d.json")
    with working_in(folder):
        ended = run_script(
            *("eval_ssd.py", *real, "--limit-images", 30, "--batch-size", 16, "-j", 0),
            *files,
            *argv,
        )
    assert ended.code == 0, ended.err
    results, saved = (json.loads((folder / name).read_text()) for name in ("r.json", "d.json"))
    return ended, results, saved["detections"]


@pytest.fixture(scope="module")
def first_30(real, tmp_path_factory):
    return short(real, tmp_path_factory.mktemp("short"))


def test_fused_and_unfused_model_agree(real, first_30, tmp_path):
    _, plain, plain_rows = short(real, tmp_path, "--no-fuse")
    assert plain["score"] == pytest.approx(first_30[1]["score"], abs=1e-3)
    fused_rows = first_30[2]
    assert len(plain_rows) == len(fused_rows)

    def strong(rows):
        return [row for row in rows if row["score"] > 0.3]

    assert len(strong(plain_rows)) == len(strong(fused_rows)) > 50
    for one, other in zip(strong(plain_rows), strong(fused_rows), strict=True):
        assert (one["image"], one["class"]) == (other["image"], other["class"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-3)
        assert one["box_px"] == pytest.approx(other["box_px"], abs=0.2)


@pytest.mark.parametrize(
    ("metric", "score"), [("voc07", 0.7461), ("voc12", 0.7468), ("coco", 0.4403)]
)
def test_metrics_of_the_real_model(real, first_30, tmp_path, metric, score):
    _, results, rows = short(real, tmp_path, "--metric", metric)
    assert rows == first_30[2]
    assert results["score"] == pytest.approx(score, abs=1e-3)


def test_real_coco_model_prints_the_legacy_text(shared_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prefix, root = shared_dir / "weights/ssd_300_mobilenet0.75_coco", shared_dir / "data/coco-mini"
    if not root.is_dir() or not prefix.with_name(f"{prefix.name}-0000.params").is_file():
        pytest.skip(f"no {prefix} or {root}")
    ended = run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", prefix, "--data-shape", 300, "-j", 2),
        *("--dataset", "coco", "--dataset-root", root, "--batch-size", 32),
        *("--results", tmp_path / "r.json"),
    )
    assert ended.code == 0, ended.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["images"] == 80
    lines = ended.out.splitlines()
    assert lines[2] == "~~~~ Summary metrics ~~~~"
    assert lines[3].lstrip().startswith("Average Precision  (AP) @[ IoU=0.50:0.95 ")
    assert lines[-2] == "~~~~ MeanAP @ IoU=[0.50,0.95] ~~~~"
    # 0.226 of 80 images; the full val2017 gives such a model a little less.
    assert results["score"] == pytest.approx(0.226, abs=0.003)
    assert lines[-1] == f" {100 * results['score']:.1f}"
    assert len(results["class_scores"]) == 80


def test_options_of_suppression_do_not_reach_an_exported_model(real, tmp_path):
    ended = short(real, tmp_path, "--limit-images", 1, "--post-nms", 7)[0]
    assert (
        "ssd_300_mobilenet0.75_voc keeps the suppression it was made with; --post-nms is not used"
    ) in ended.err


def test_real_model_of_other_classes_is_refused_before_the_pass(real):
    other = real[2].with_name(COCO_MODEL)
    if not other.with_name(f"{COCO_MODEL}-0000.params").is_file():
        pytest.skip(f"no {other}")
    ended = run_script("eval_ssd.py", *real, "--model-prefix", other)
    assert one_error(ended).startswith("error: the model has 80 classes, the data set has 20 (aer")


def test_gpu_count_without_gpu_is_a_notice(data, weights):
    from gluon_ssd.compat import mx

    if mx.context.num_gpus():
        pytest.skip("this machine has GPUs")
    ended = evaluate(data, weights, "--num-gpus", 1, "--limit-images", 1)
    assert ended.code == 0, ended.err
    assert "--num-gpus 1: MXNet finds no GPU here; running on the CPU" in ended.err.splitlines()


def test_gpu_count_multiplies_the_batch_on_gpus_alone(weights):
    from gluon_ssd.compat import mx

    options = ("--batch-size", 3, "--num-gpus", 2, "--benchmark", "--num-iterations", 1)
    if mx.context.num_gpus():
        pytest.skip("this machine has GPUs")
    assert "latency of a batch of 3: " in evaluate("unused", weights, *options).out
    command = parse(EvalCommand, ["--batch-size", "3", "--num-gpus", "2"], prog="", description="")
    assert [command.batch_size(on_gpus=used) for used in (True, False)] == [6, 3]

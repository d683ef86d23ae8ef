"""Bad input to the scripts: one line on stderr that names the file and the way out, exit code 2.

Nothing half-written may be left. A full disk is a small tmpfs, and no permission is a process
without root's right to pass by permissions: both are the real thing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from gluon_ssd.training.checkpoint import load_checkpoint
from tests.entry_builders import (
    NETWORK,
    ROOT,
    SMALL,
    TRAIN,
    arrays_of,
    coco_set,
    evaluate,
    leftovers,
    one_error,
    photos,
    python,
    run_script,
    sure_weights,
    train,
    voc_set,
)


@pytest.fixture
def data(tmp_path):
    return voc_set(tmp_path / "set")


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return sure_weights(tmp_path_factory.mktemp("weights") / "sure.params")


@pytest.fixture(scope="module")
def prefix(weights, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("exported") / "model"
    options = ("--network", "mobilenet0.25", "--dataset", "custom", "--pretrained", weights)
    assert run_script("scripts/export_ssd.py", *options, "--output", prefix).code == 0
    return prefix


def only_line(ended):
    """The message of a script that failed before it had anything else to say."""
    message = one_error(ended)
    assert ended.err == f"{message}\n"
    return message


def export(weights, output, *argv):
    options = ("--network", "mobilenet0.25", "--dataset", "custom", "--pretrained", weights)
    return run_script("scripts/export_ssd.py", *options, "--output", output, *argv)


def demo(images, output, *argv):
    return run_script("scripts/demo_ssd.py", "--images", images, "--output", output, *argv)


# --- options --------------------------------------------------------------------------------------

SCRIPTS = ("train_ssd.py", "eval_ssd.py", "scripts/export_ssd.py", "scripts/demo_ssd.py")
SCRIPTS += ("scripts/benchmark_ssd.py", "scripts/check_dataset.py", "scripts/prepare_shapes.py")


@pytest.mark.parametrize(
    ("script", "argv", "message"),
    [
        ("train_ssd.py", ["--network", "mobilnet1.0"], "--network must be one of mobilenet0.25, "),
        ("eval_ssd.py", ["--network", "vgg"], "--network must be one of mobilenet0.25, "),
        ("scripts/export_ssd.py", ["--output", "x", "--network", "r"], "--network must be one of"),
        ("scripts/demo_ssd.py", ["--images", "x", "--network", "ssd"], "--network must be a full"),
        ("train_ssd.py", ["--batch-size", "many"], "--batch-size must be a whole number; got "),
        ("train_ssd.py", ["--lr", "0"], "--lr must be above 0 and finite; got 0.0"),
        ("eval_ssd.py", ["--metric", "voc08"], "--metric must be one of auto, voc07, voc12, coco"),
        ("eval_ssd.py", ["--deploy"], "--deploy needs --model-prefix PREFIX"),
        ("train_ssd.py", ["--confg", "x"], "unrecognized arguments: --confg x; did you mean --con"),
        ("scripts/benchmark_ssd.py", ["speed"], "unknown benchmark 'speed'; there are data, "),
        ("scripts/benchmark_ssd.py", ["data", "--rounds", "0"], "--rounds must be at least 1"),
        ("scripts/check_dataset.py", ["--dataset", "vok"], "--dataset must be one of voc, coco, "),
        ("scripts/prepare_shapes.py", ["--num-val", "-1"], "--num-val must be at least 1; got -1"),
    ],
)
def test_option(script, argv, message):
    assert only_line(run_script(script, *argv)).startswith(f"error: {message}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_missing_config_file(script, tmp_path):
    kind = ["decode"] if "benchmark" in script else []
    ended = run_script(script, *kind, "--config", tmp_path / "none.ini")
    expected = f"error: cannot read the options in {tmp_path}/none.ini: No such file or directory"
    assert only_line(ended) == expected


def test_wrong_config_key(tmp_path):
    (tmp_path / "o.ini").write_text("[optimizer]\nlearning_rate = 1\n")
    message = only_line(run_script("train_ssd.py", "--config", tmp_path / "o.ini"))
    assert message.startswith(f"error: {tmp_path}/o.ini: [optimizer] has no key 'learning_rate'")


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["voc", "coco", "custom", "shapes"])
def test_missing_dataset_root(dataset, tmp_path, out):
    argv = ("--network", "mobilenet0.25", "--dataset", dataset, "--gpus", "")
    ended = run_script(
        *("train_ssd.py", *argv, "--save-prefix", f"{out}/"),
        *("--dataset-root", tmp_path / "none"),
    )
    message = only_line(ended)
    assert str(tmp_path / "none") in message
    assert "--dataset-root" in message or "prepare_shapes.py" in message
    assert os.listdir(out) == []


def test_missing_split(data, out):
    message = only_line(train(out, data, "--splits", "trian"))
    assert "no split 'trian'" in message and "--splits" in message
    assert os.listdir(out) == []


def test_missing_classes_file(data, out, tmp_path):
    message = only_line(train(out, data, "--classes", tmp_path / "none.txt"))
    assert str(tmp_path / "none.txt") in message
    assert os.listdir(out) == []


@pytest.mark.parametrize("name", ["none.params", "none.npz"])
def test_missing_file_to_resume(data, out, tmp_path, name):
    message = one_error(train(out, data, "--resume", tmp_path / name))
    assert str(tmp_path / name) in message
    assert not list(out.glob("*.params"))
    assert leftovers(out) == []


@pytest.mark.parametrize("flag", ["--pretrained-base", "--pretrained"])
def test_missing_weights(data, out, tmp_path, flag):
    missing = tmp_path / "none.params"
    if flag == "--pretrained":
        ended = evaluate(data, missing)
    else:
        ended = train(out, data, flag, missing)
    expected = f"error: the parameter file {missing} does not exist; give the path of a .params"
    assert one_error(ended).startswith(expected)
    assert os.listdir(out) == []


@pytest.mark.parametrize("script", ["eval", "demo"])
def test_missing_exported_model(script, data, out, tmp_path):
    model = ("--model-prefix", tmp_path / "none")
    if script == "eval":
        ended = evaluate(data, "unused", "--deploy", *model)
    else:
        ended = demo(data / "JPEGImages", out / "found", *model)
    expected = f"error: there is no file {tmp_path}/none-symbol.json; an exported model is a pair "
    assert one_error(ended).startswith(expected)
    assert os.listdir(out) == []


def test_exported_model_without_its_parameters(prefix, data, tmp_path):
    shutil.copy(f"{prefix}-symbol.json", tmp_path / "half-symbol.json")
    ended = evaluate(data, "unused", "--deploy", "--model-prefix", tmp_path / "half")
    assert one_error(ended).startswith(f"error: there is no file {tmp_path}/half-0000.params; ")


def test_missing_images(prefix, out, tmp_path):
    message = only_line(demo(tmp_path / "none.jpg", out / "found", "--model-prefix", prefix))
    assert message == f"error: there is no file or folder {tmp_path}/none.jpg; check --images"
    assert os.listdir(out) == []


def test_folder_without_images(prefix, out, tmp_path):
    (tmp_path / "in").mkdir()
    message = only_line(demo(tmp_path / "in", out / "found", "--model-prefix", prefix))
    assert message.startswith(f"error: the folder {tmp_path}/in holds no picture; looked for .jpg")
    assert os.listdir(out) == []


def test_output_folder_that_is_a_file(data, tmp_path, weights):
    (tmp_path / "file").write_text("mine")
    message = one_error(train(tmp_path / "file", data))
    assert f"{tmp_path}/file" in message and "choose another folder" in message
    message = one_error(export(weights, tmp_path / "file" / "model"))
    assert f"{tmp_path}/file" in message and "choose another folder" in message
    assert (tmp_path / "file").read_text() == "mine"


# --- damaged files --------------------------------------------------------------------------------


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def test_truncated_jpeg_stops_training(data, out):
    bad = cut(data / "JPEGImages/train1.jpg")
    message = one_error(train(out, data))
    assert message.startswith("error: 20.00% of the custom data is bad, allowed is 2.00%: ")
    assert f"unreadable image 1x, first in {bad}" in message
    assert "mend the files or raise --max-bad-share" in message
    assert os.listdir(out) == []


def test_truncated_jpeg_is_left_out_when_allowed(data, out):
    cut(data / "JPEGImages/train1.jpg")
    ended = train(out, data, "--max-bad-share", 0.5, "--limit-steps", 1)
    assert ended.code == 0, ended.err
    assert "training set: 1 unusable images left out" in ended.err.splitlines()


@pytest.mark.parametrize("workers", [0, 2])
def test_truncated_jpeg_stops_evaluation(data, out, weights, workers):
    bad = cut(data / "JPEGImages/val1.jpg")
    ended = evaluate(data, weights, "-j", workers, "--results", out / "r.json")
    message = one_error(ended)
    assert str(bad) in message and "cut off" in message
    assert os.listdir(out) == []


@pytest.mark.parametrize("script", ["train", "eval"])
def test_broken_xml(data, out, weights, script):
    bad = data / "Annotations/val1.xml"
    bad.write_text("<annotation><object>")
    ended = train(out, data) if script == "train" else evaluate(data, weights)
    assert one_error(ended).startswith(f"error: {bad} is not valid XML: ")
    assert os.listdir(out) == []


def test_xml_without_a_box(data, out):
    bad = data / "Annotations/train1.xml"
    bad.write_text("<annotation><object><name>dog</name></object></annotation>")
    message = one_error(train(out, data))
    assert message.startswith(f"error: {bad}") and "has no <bndbox>; add its box" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"images": [', "is not valid JSON: Expecting value at line 1; the file is damaged"),
        ("[]", "is no COCO annotation file: it holds no JSON object"),
        ('{"images": [], "annotations": []}', "has no list 'categories'"),
    ],
    ids=["cut", "list", "no_categories"],
)
@pytest.mark.parametrize("script", ["train", "eval"])
def test_broken_coco_json(tmp_path, out, weights, script, content, reason):
    data = coco_set(tmp_path / "own", {1: "cat", 2: "dog"}, "train", "val")
    bad = (
        data
        / "annotations"
        / ("instances_val.json" if script == "eval" else "instances_train.json")
    )
    bad.write_text(content)
    ended = train(out, data) if script == "train" else evaluate(data, weights)
    message = one_error(ended)
    assert message.startswith(f"error: {bad} ") and reason in message
    assert os.listdir(out) == []


def test_no_images_in_the_list(data, out):
    (data / "ImageSets/Main/train.txt").write_text("\n")
    assert one_error(train(out, data)) == (
        f"error: {data}/ImageSets/Main/train.txt names no image; write one image id a line"
    )
    assert os.listdir(out) == []


def test_no_images_in_the_json(tmp_path, out):
    data = coco_set(tmp_path / "own", {1: "cat", 2: "dog"}, "train", "val")
    bad = data / "annotations/instances_train.json"
    content = json.loads(bad.read_text())
    bad.write_text(json.dumps({**content, "images": [], "annotations": []}))
    expected = f"error: {bad} lists no image; export it with its images"
    assert one_error(train(out, data)) == expected


def test_no_object_anywhere(tmp_path, out):
    from tests.data.builders import voc_xml, write_voc

    data = write_voc(tmp_path / "bare", {"a": voc_xml(), "b": voc_xml()})
    message = one_error(train(out, data))
    assert "no object in any annotation file" in message and str(data) in message


# --- weights --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Weights of another network of the zoo, for the same classes."""
    from gluon_ssd.models import build_network, initialize
    from gluon_ssd.models.weights import save_parameters

    network = build_network("ssd_300_mobilenet1.0_custom", classes=("cat", "dog"))
    initialize(network)
    path = tmp_path_factory.mktemp("foreign") / "other.params"
    save_parameters(network, path)
    return path


@pytest.mark.parametrize("script", ["resume", "base", "eval", "export", "demo"])
def test_weights_of_another_network(script, foreign, data, out):
    zoo = ("--network", NETWORK, "--pretrained", foreign)
    ended = {
        "resume": lambda: train(out, data, "--resume", foreign),
        "base": lambda: train(out, data, "--pretrained-base", foreign),
        "eval": lambda: evaluate(data, foreign),
        "export": lambda: export(foreign, out / "model"),
        "demo": lambda: demo(data / "JPEGImages", out / "found", *zoo),
    }[script]()
    message = one_error(ended)
    assert message.startswith(f"error: {foreign} does not fit ")
    # Names and shapes of what differs, and what to do.
    assert "features." in message and "give the weights of " in message
    assert not list(out.glob("*.params")) and leftovers(out) == []


@pytest.mark.parametrize("kind", ["cut", "text", "empty"])
def test_damaged_weights(kind, weights, data, tmp_path):
    bad = tmp_path / "bad.params"
    content = {"cut": weights.read_bytes()[:-5000], "text": b"hello", "empty": b""}[kind]
    bad.write_bytes(content)
    expected = f"error: {bad} is no MXNet parameter file, or it is damaged or cut off; "
    assert one_error(evaluate(data, bad)).startswith(expected)


def test_damaged_record_beside_the_weights(weights, data, tmp_path):
    bad = tmp_path / "w.params"
    shutil.copy(weights, bad)
    (tmp_path / "w.json").write_text('{"name": "x"')
    message = one_error(evaluate(data, bad))
    assert message.startswith(f"error: {tmp_path}/w.json is not valid JSON: ")


def test_damaged_symbol(prefix, data, tmp_path):
    shutil.copy(f"{prefix}-0000.params", tmp_path / "m-0000.params")
    symbol = tmp_path / "m-symbol.json"
    shutil.copy(f"{prefix}-symbol.json", symbol)
    cut(symbol)
    message = one_error(evaluate(data, "unused", "--deploy", "--model-prefix", tmp_path / "m"))
    assert str(symbol) in message


def test_exported_parameters_of_another_model(prefix, data, tmp_path):
    from gluon_ssd.compat import mx

    shutil.copy(f"{prefix}-symbol.json", tmp_path / "m-symbol.json")
    mx.nd.save(str(tmp_path / "m-0000.params"), {"arg:something": mx.nd.zeros((2,))})
    message = one_error(evaluate(data, "unused", "--deploy", "--model-prefix", tmp_path / "m"))
    assert message.startswith(f"error: {tmp_path}/m-0000.params does not fit {tmp_path}/m-symbol")


def test_int8_network_is_one_line(data, tmp_path):
    ended = run_script(
        *("eval_ssd.py", "--network", "mobilenet1.0", "--data-shape", 512, "--quantized"),
        *("--pretrained", tmp_path / "x.params", "--dataset-root", data),
    )
    assert "ssd_512_mobilenet1.0_voc_int8" in one_error(ended)


def test_zoo_that_cannot_be_reached(tmp_path):
    ended = run_script(
        *("eval_ssd.py", "--network", "mobilenet1.0", "--data-shape", 512),
        *("--mirror", "http://127.0.0.1:9/", "--model-root", tmp_path / "models"),
    )
    message = one_error(ended)
    name = "ssd_512_mobilenet1.0_voc-37c18076.params"
    assert message.startswith(f"error: cannot fetch {name} from 127.0.0.1:9: ")
    assert f"put the file {name} into {tmp_path / 'models'}" in message
    assert leftovers(tmp_path) == []


# --- a full disk ----------------------------------------------------------------------------------


@contextmanager
def small_disk(folder, size):
    """A file system of that size; needs root's right to mount."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a full disk needs the right to mount a small tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


FULL = "the disk is full; free some space or choose another folder"


@pytest.mark.parametrize(
    ("size", "name"), [("4m", "best.params"), ("30m", "checkpoint.npz")], ids=["weights", "state"]
)
def test_disk_too_small_for_the_first_epoch(data, tmp_path, size, name):
    with small_disk(tmp_path / "disk", size) as disk:
        message = one_error(train(disk, data, "--limit-steps", 1))
        assert message.startswith(
            f"error: cannot write {disk}/{NETWORK}_{name}: the disk is full; "
        )
        assert leftovers(disk) == []
        assert not list(disk.glob("*.npz"))


def test_disk_that_fills_up_keeps_the_last_good_checkpoint(data, tmp_path):
    # Best and periodic weights, 11.8 MB each, and a checkpoint of 22 MB; then more weights.
    with small_disk(tmp_path / "disk", "66m") as disk:
        options = ("--epochs", 4, "--save-interval", 1, "--batch-size", 5)
        message = one_error(train(disk, data, *options))
        checkpoint = disk / f"{NETWORK}_checkpoint.npz"
        assert message == f"error: cannot write {checkpoint}: {FULL}"
        assert leftovers(disk) == []
        facts = load_checkpoint(checkpoint).facts
        assert (facts["epoch"], facts["batch"]) == (1, 0)
        assert all(np.isfinite(array).all() for array in arrays_of(checkpoint).values())


def test_disk_too_small_for_a_log(data, tmp_path):
    with small_disk(tmp_path / "disk", "4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        message = one_error(train(disk, data, "--limit-steps", 1))
        assert f"{disk}/{NETWORK}" in message and "the disk is full" in message


@pytest.mark.parametrize("flag", ["--results", "--save-detections"])
def test_disk_too_small_for_results(data, tmp_path, weights, flag):
    with small_disk(tmp_path / "disk", "4k") as disk:
        (disk / "other").write_bytes(b"x" * 4096)
        message = one_error(evaluate(data, weights, flag, disk / "r.json"))
        assert message == f"error: cannot write {disk}/r.json: {FULL}"
        assert os.listdir(disk) == ["other"]


def test_disk_too_small_for_an_export(tmp_path, weights):
    with small_disk(tmp_path / "disk", "10m") as disk:
        message = one_error(export(weights, disk / "model"))
        assert message == f"error: cannot write {disk}/model: {FULL}"
        assert os.listdir(disk) == []


def test_disk_too_small_for_pictures(tmp_path, prefix):
    photos(tmp_path / "in", 1)
    with small_disk(tmp_path / "disk", "8k") as disk:
        message = one_error(demo(tmp_path / "in", disk, "--model-prefix", prefix))
        assert message == f"error: cannot write {disk}/i0.jpg: {FULL}"
        assert os.listdir(disk) == []


def test_disk_too_small_for_shapes(tmp_path):
    with small_disk(tmp_path / "disk", "100k") as disk:
        options = ("--num-train", 40, "--num-val", 10)
        ended = run_script("scripts/prepare_shapes.py", "--output", disk / "shapes", *options)
        assert one_error(ended) == f"error: cannot write {disk}/shapes: {FULL}"
        assert os.listdir(disk) == []


# --- no permission --------------------------------------------------------------------------------

# Runs one script after the other in one process, since each start costs seconds.
_RUN_ALL = """
import contextlib, io, json, sys
from tests.entry_builders import run_script
print(json.dumps([run_script(*arguments) for arguments in json.loads(sys.argv[1])]))
"""


def as_nobody_special(commands):
    """Run scripts where permissions count, also for root. Returns how each ended."""
    start = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root passes by permissions, and setpriv (util-linux) is not here")
        start = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    commands = [[str(argument) for argument in command] for command in commands]
    ended = subprocess.run(
        [*start, *python("-c", _RUN_ALL, json.dumps(commands))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def forbidden(tmp_path_factory, weights, prefix):
    """What the scripts say about a folder that cannot be written and files that cannot be read."""
    folder = tmp_path_factory.mktemp("forbidden")
    data = voc_set(folder / "set")
    sealed = folder / "sealed"
    sealed.mkdir(mode=0o555)
    secret = folder / "secret"
    for name in ("w.params", "w.json", "m-symbol.json", "m-0000.params"):
        source = {"w": weights.with_suffix(""), "m": prefix}[name[0]]
        secret.mkdir(exist_ok=True)
        shutil.copy(f"{source}{name[1:]}", secret / name)
        (secret / name).chmod(0)
    images = photos(folder / "in", 1)
    images[0].chmod(0)
    own = ("--dataset-root", data)
    small = ("eval_ssd.py", *SMALL, *own, "--pretrained")
    export_options = ("--network", "mobilenet0.25", "--dataset", "custom")
    model = ("--model-prefix", prefix)
    commands = {
        "train": ("train_ssd.py", *TRAIN, *own, "--save-prefix", f"{sealed}/"),
        "train_folder": ("train_ssd.py", *TRAIN, *own, "--save-prefix", f"{sealed}/new/"),
        "results": (*small, weights, "--results", sealed / "r.json"),
        "export": (
            *("scripts/export_ssd.py", *export_options, "--pretrained", weights),
            *("--output", sealed / "model"),
        ),
        "demo": (
            *("scripts/demo_ssd.py", "--images", data / "JPEGImages", *model),
            *("--output", sealed),
        ),
        "shapes": ("scripts/prepare_shapes.py", "--output", sealed / "shapes"),
        "weights": (*small, secret / "w.params"),
        "deploy": (*small, "unused", "--deploy", "--model-prefix", secret / "m"),
        "image": ("scripts/demo_ssd.py", "--images", images[0], *model, "--output", folder / "o"),
    }
    answers = as_nobody_special(commands.values())
    assert os.listdir(sealed) == []
    return folder, dict(zip(commands, answers, strict=True))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("train", "cannot write {}/sealed/{}_train.log: no permission to write there; change its"),
        ("train_folder", "cannot write {}/sealed/new: no permission to write there; change its"),
        ("results", "cannot write {}/sealed/r.json: no permission to write there; change its"),
        ("export", "cannot write {}/sealed/model: no permission to write there; change its rights"),
        ("demo", "cannot write {}/sealed/train0.jpg: no permission to write there; change its"),
        ("shapes", "cannot write {}/sealed/shapes: no permission to write there; change its"),
        ("weights", "cannot read {}/secret/w.json: Permission denied"),
        ("deploy", "cannot read {}/secret/m-symbol.json: "),
        ("image", "cannot read the image {}/in/i0.jpg: Permission denied"),
    ],
)
def test_no_permission(forbidden, name, message):
    folder, answers = forbidden
    code, _, err = answers[name]
    assert code == 2, err
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("error: " + message.format(folder, NETWORK)), last


def test_read_only_file_system(tmp_path, data, prefix):
    with small_disk(tmp_path / "disk", "1m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        advice = "that file system is read-only; choose another folder"
        expected = f"error: cannot write {disk}/{NETWORK}_train.log: {advice}"
        assert one_error(train(disk, data)) == expected
        ended = demo(data / "JPEGImages", disk, "--model-prefix", prefix)
        assert one_error(ended).endswith(advice)


# --- odd but fine ---------------------------------------------------------------------------------


def test_grey_and_tiny_images_are_not_bad(data, out, weights):
    grey = np.full((60, 80), 90, np.uint8)
    assert cv2.imwrite(str(data / "JPEGImages/train0.jpg"), grey)
    assert train(out, data, "--limit-steps", 1).code == 0
    assert evaluate(data, weights).code == 0

"""train_ssd.py killed, stopped and resumed as a process of its own; weights to the last bit."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
import time

import psutil
import pytest

from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import (
    NETWORK,
    ROOT,
    TRAIN,
    arrays_of,
    assert_same_arrays,
    leftovers,
    one_error,
    python,
    run_script,
    train,
    voc_set,
)

# Five images in batches of two for three epochs: 2, 3 and 2 steps. A checkpoint after every step.
RUN = ("--epochs", 3, "--log-interval", 1, "--save-interval", 1, "--checkpoint-minutes", 1e-6)
PATIENCE_S = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("unbroken")
    ended = train(folder, data, *RUN)
    assert ended.code == 0, ended.err
    return folder


def checkpoint_of(folder):
    return folder / f"{NETWORK}_checkpoint.npz"


def start(folder, data, stderr=subprocess.PIPE, **settings):
    """The script as a user starts it, with two data workers; settings are Popen's."""
    resume = ("--resume", checkpoint_of(folder)) if checkpoint_of(folder).exists() else ()
    options = (*TRAIN, *RUN, "-j", 2, "--save-prefix", f"{folder}/", *resume)
    return subprocess.Popen(
        python(ROOT / "train_ssd.py", *options, "--dataset-root", data),
        stderr=stderr,
        stdout=subprocess.PIPE,
        text=True,
        **settings,
    )


def wait_until(is_reached, process):
    """Poll until the moment has come; the run must not end before."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_reached():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(0.001)


def trained(folder, *place):
    """Whether the log has the line of a batch (epoch, batch)."""
    log = folder / f"{NETWORK}_train.log"
    return log.exists() and "[Epoch {}][Batch {}]".format(*place) in log.read_text()


def end_with(process, number):
    """Send a signal; the exit code and stderr, once every child process is gone too."""
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    errors = process.communicate(timeout=PATIENCE_S)[1]
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    return process.returncode, errors, len(gone)


def assert_ends_like(folder, unbroken):
    assert_same_arrays(arrays_of(checkpoint_of(folder)), arrays_of(checkpoint_of(unbroken)))
    assert leftovers(folder) == []
    for name in ("best_map.log", "best.params"):
        name = f"{NETWORK}_{name}"
        assert (folder / name).read_bytes() == (unbroken / name).read_bytes()
    names = [sorted(path.name for path in place.iterdir()) for place in (folder, unbroken)]
    assert names[0] == names[1]
    assert epochs_of(folder) == epochs_of(unbroken)


def epochs_of(folder):
    """What the curves are drawn from; each epoch is there once, however often it was begun."""
    fields = ("epoch", "step", "lr", "CrossEntropy", "SmoothL1", "score")
    return [
        [line.get(field) for field in fields]
        for line in read_journal(folder / f"{NETWORK}_journal.jsonl")
        if line["event"] in ("epoch", "validation")
    ]


def test_killed_at_several_moments_and_resumed_it_ends_with_the_same_bits(tmp_path, data, unbroken):
    def is_writing():
        return any(name.startswith(f".{NETWORK}_checkpoint.") for name in os.listdir(tmp_path))

    moments = [
        lambda: checkpoint_of(tmp_path).exists(),  # right after the first checkpoint
        lambda: trained(tmp_path, 1, 1),  # within an epoch
        is_writing,  # while a file is half-written
        lambda: trained(tmp_path, 2, 0),  # after the epoch before was validated
    ]
    for is_reached in moments:
        process = start(tmp_path, data)
        wait_until(is_reached, process)
        code, _, children = end_with(process, signal.SIGKILL)
        assert code == -signal.SIGKILL
        assert children >= 1
    options = (*RUN, "--resume", checkpoint_of(tmp_path))
    ended = train(tmp_path, data, *options)
    assert ended.code == 0, ended.err
    assert_ends_like(tmp_path, unbroken)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_signal_saves_leaves_and_resumes_to_the_same_bits(tmp_path, data, unbroken, number, code):
    process = start(tmp_path, data)
    wait_until(lambda: trained(tmp_path, 1, 0), process)
    returned, errors, children = end_with(process, number)
    assert (returned, children) == (code, 4)  # two load training images, two validation images
    last = errors.splitlines()[-1]
    facts = load_checkpoint(checkpoint_of(tmp_path)).facts
    assert last == (
        f"error: stopped by {number.name} at [Epoch {facts['epoch']}][Batch {facts['batch']}]; "
        f"go on from {checkpoint_of(tmp_path)} (--resume)"
    )
    assert "Traceback" not in errors
    assert facts["epoch"] == 1 and facts["batch"] in (1, 2, 3)
    ended = train(tmp_path, data, *RUN, "--resume", checkpoint_of(tmp_path))
    assert ended.code == 0, ended.err
    assert_ends_like(tmp_path, unbroken)


def test_closed_terminal_saves_leaves_and_resumes_to_the_same_bits(tmp_path, data, unbroken):
    ours, theirs = pty.openpty()

    def take_terminal():
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)

    process = start(tmp_path, data, stderr=theirs, start_new_session=True, preexec_fn=take_terminal)
    os.close(theirs)
    wait_until(lambda: trained(tmp_path, 1, 0), process)
    children = psutil.Process(process.pid).children(recursive=True)
    os.close(ours)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + signal.SIGHUP
    assert psutil.wait_procs(children, timeout=20)[1] == []
    assert load_checkpoint(checkpoint_of(tmp_path)).facts["epoch"] == 1
    ended = train(tmp_path, data, *RUN, "--resume", checkpoint_of(tmp_path))
    assert ended.code == 0, ended.err
    assert_ends_like(tmp_path, unbroken)


def test_resume_of_a_finished_run_changes_nothing(tmp_path, data, unbroken):
    ended = train(tmp_path, data, *RUN, "--resume", checkpoint_of(unbroken))
    assert ended.code == 0, ended.err
    assert "Start training from [Epoch 3]" in ended.err.splitlines()
    assert (
        f"{checkpoint_of(unbroken)} stands at the end of the run: nothing is left to do; to go on, "
        "train for more than 3 epochs"
    ) in ended.err.splitlines()
    assert not list(tmp_path.glob("*.params"))


def test_resume_goes_on_beyond_the_first_end(tmp_path, data, unbroken):
    short = (*RUN, "--epochs", 2)
    assert train(tmp_path, data, *short).code == 0
    ended = train(tmp_path, data, *RUN, "--resume", checkpoint_of(tmp_path))
    assert ended.code == 0, ended.err
    assert "Resuming with another option: epochs was 2 in the checkpoint and is 3 now" in ended.err
    assert_same_arrays(arrays_of(checkpoint_of(tmp_path)), arrays_of(checkpoint_of(unbroken)))


def test_resume_after_limited_steps_skips_nothing_of_the_epoch(tmp_path, data, unbroken):
    """Three steps end within the second epoch, of three steps itself."""
    assert train(tmp_path, data, *RUN, "--limit-steps", 3).code == 0
    facts = load_checkpoint(checkpoint_of(tmp_path)).facts
    assert (facts["epoch"], facts["batch"], facts["step"]) == (1, 1, 3)
    options = ("--start-epoch", 2, "--resume", checkpoint_of(tmp_path))
    ended = train(tmp_path, data, *RUN, *options)
    assert ended.code == 0, ended.err
    assert (
        f"The start epoch 2 is not used: {checkpoint_of(tmp_path)} stands at [Epoch 1][Batch 1], "
        "and that counts"
    ) in ended.err.splitlines()
    assert_same_arrays(arrays_of(checkpoint_of(tmp_path)), arrays_of(checkpoint_of(unbroken)))
    assert epochs_of(tmp_path) == epochs_of(unbroken)


def test_checkpoint_of_other_classes_is_one_line(tmp_path, data, unbroken):
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    options = ("--classes", tmp_path / "names.txt", "--resume", checkpoint_of(unbroken))
    message = one_error(train(tmp_path, data, *RUN, *options))
    assert message.startswith(
        f"error: class 0 is 'dog' in --classes {tmp_path / 'names.txt'}, and 'cat' in the "
        f"checkpoint {checkpoint_of(unbroken)};"
    )


def test_classes_of_other_data_are_one_line(tmp_path, data, unbroken):
    text = (data / "Annotations/train0.xml").read_text()
    for path in (data / "Annotations").iterdir():
        copied = tmp_path / "set/Annotations" / path.name
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(text.replace("<name>dog", "<name>bird"))
    for name in ("JPEGImages", "ImageSets"):
        (tmp_path / "set" / name).symlink_to(data / name)
    message = one_error(
        train(tmp_path, tmp_path / "set", *RUN, "--resume", checkpoint_of(unbroken))
    )
    assert 'classes is ["cat", "dog"] there and ["bird", "cat"] here; resume with' in message


def test_another_network_is_named_beside_that_of_the_checkpoint_before_data_is_read(unbroken):
    resume = ("--resume", checkpoint_of(unbroken))
    for given, told in (
        (("--network", "tiny"), f"--network tiny was given, and the checkpoint {resume[1]} is of"),
        (("--data-shape", 512), "--data-shape 512 was given, and the checkpoint"),
        (("--dataset", "voc"), f"the checkpoint {resume[1]} is of {NETWORK}, a network for custom"),
    ):
        message = one_error(train(unbroken, unbroken / "no_data", *RUN, *resume, *given))
        assert message.startswith(f"error: {told}") and NETWORK in message


def test_a_checkpoint_names_its_network_itself(tmp_path, data, unbroken):
    names = ("--dataset", "custom", "--gpus", "", "-j", 0, "--batch-size", 2, *RUN)
    prefix, resume = f"{tmp_path}/", checkpoint_of(unbroken)
    options = (*names, "--dataset-root", data, "--save-prefix", prefix, "--resume", resume)
    ended = run_script("train_ssd.py", *options)
    assert ended.code == 0, ended.err
    assert f"{resume} stands at the end of the run" in ended.err
    assert "network was" not in ended.err and "data_shape was" not in ended.err


def test_damaged_checkpoint_is_one_line_and_the_file_stays(tmp_path, data, unbroken):
    cut = tmp_path / "cut_checkpoint.npz"
    cut.write_bytes(checkpoint_of(unbroken).read_bytes()[:-100_000])
    size = cut.stat().st_size
    ended = train(tmp_path / "out", data, "--resume", cut)
    assert one_error(ended) == (
        f"error: {cut} is damaged or no checkpoint of this program (File is not a zip file); "
        "resume from another "
        "checkpoint or from a .params file"
    )
    assert cut.stat().st_size == size
    assert not (tmp_path / "out").exists()


def test_refused_checkpoint_adds_nothing_to_the_log_of_the_run(tmp_path, data, unbroken):
    log = tmp_path / f"{NETWORK}_train.log"
    log.write_text("earlier\n")
    for short, told in (
        (("--epochs", 2), "after 2 epochs; train for more (--epochs)"),
        (("--epochs", 4, "--limit-steps", 1), "after 1 step; train for more (--limit-steps)"),
    ):
        ended = train(tmp_path, data, *short, "--resume", checkpoint_of(unbroken))
        assert one_error(ended) == (
            f"error: {checkpoint_of(unbroken)} already stands at batch 0 of epoch 3, and the run "
            f"is to end {told}"
        )
    assert log.read_text() == "earlier\n"

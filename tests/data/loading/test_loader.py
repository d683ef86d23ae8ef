"""Batches: which samples, the same bytes from any number of workers, and workers in trouble."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.data.augment.transforms import Augmentation
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.errors import DataError, EnvironmentProblem, Interrupted, OptionError
from tests.conftest import ROOT
from tests.data.odd_datasets import HugeSamples, LateDataset, NumberedDataset, NumberSamples


def number_loader(count=20, make_sample=None, **settings):
    settings = {"batch_size": 4, "shuffle": True, "seed": 3, "num_workers": 0, **settings}
    return Loader(NumberedDataset(count), make_sample or NumberSamples(), **settings)


def copies(batches):
    """Batches whose arrays outlive the loader's reuse of them."""
    return [
        (batch.indices, {name: array.copy() for name, array in batch.arrays.items()})
        for batch in batches
    ]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for (indices, arrays), (other_indices, other_arrays) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(indices, other_indices)
        assert arrays.keys() == other_arrays.keys()
        for name, array in arrays.items():
            assert array.tobytes() == other_arrays[name].tobytes()


# ---- arrays that are used again


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("in_use", [1, 3])
def test_batches_in_use_keep_their_arrays(workers, in_use):
    settings = {"shuffle": False, "last_batch": "keep", "num_workers": workers}
    with number_loader(26, in_use=in_use, **settings) as loader:
        for _ in range(2):
            kept = []
            for batch in loader.epoch(0):
                kept = [*kept, batch][-in_use:]
                for each in kept:
                    np.testing.assert_array_equal(each.arrays["number"], each.indices)
            assert len(kept) == in_use


# ---- which samples


def test_keep_yields_every_image_once_in_order():
    loader = number_loader(10, shuffle=False, last_batch="keep")
    seen = [batch.arrays["number"].tolist() for batch in loader.epoch(0)]
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert loader.num_batches(0) == loader.num_batches(5) == 3


def test_keep_with_fewer_images_than_a_batch():
    (batch,) = number_loader(3, batch_size=8, shuffle=False, last_batch="keep").epoch(0)
    assert batch.indices.tolist() == [0, 1, 2]
    assert batch.arrays["noise"].shape == (3, 3)


@pytest.mark.parametrize(
    ("count", "settings", "kind", "message"),
    [
        (0, {}, DataError, "the data set has no images; check its path and its split"),
        (5, {"batch_size": 6}, OptionError, "batch size 6 is more than the 5 .*use 5 or less"),
        (5, {"batch_size": 0}, OptionError, "batch size must be at least 1; got 0"),
        (5, {"seed": -1}, OptionError, "seed must be 0 or more; got -1"),
        (5, {"num_workers": -2}, OptionError, "workers must be 0 or more; got -2"),
        (5, {"last_batch": "drop"}, OptionError, "'drop'; choose rollover or keep"),
    ],
)
def test_settings_that_cannot_work_are_named(count, settings, kind, message):
    with pytest.raises(kind, match=message):
        number_loader(count, **settings)


# ---- the same bytes


def test_real_batches_do_not_depend_on_the_number_of_workers(tiny_voc):
    dataset = VocDataset(tiny_voc, splits=(("VOC2007", "test"),), classes=VOC_CLASSES)
    anchors = np.random.default_rng(0).uniform(10, 60, (200, 4)).astype(np.float32)
    maker = TrainSamples(InputFormat((64, 48)), Augmentation(), TargetMaker(anchors))
    runs = []
    for num_workers in (0, 1, 3):
        with Loader(
            dataset, maker, batch_size=3, shuffle=True, seed=5, num_workers=num_workers
        ) as loader:
            runs.append([batch for epoch in range(3) for batch in copies(loader.epoch(epoch))])
    assert len(runs[0]) == 4 and runs[0][0][1]["image"].any()
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def test_an_image_differs_between_passes():
    loader = number_loader(4)
    first, second = (dict(zip(*_rows(loader.epoch(epoch)), strict=True)) for epoch in (0, 1))
    assert first.keys() == second.keys() == {0, 1, 2, 3}
    assert all(first[index] != second[index] for index in first)


def _rows(batches):
    (batch,) = batches
    return batch.indices.tolist(), [tuple(row) for row in batch.arrays["noise"].tolist()]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_resuming_at_any_batch_equals_the_unbroken_run(num_workers):
    with number_loader(10, num_workers=num_workers) as loader:
        unbroken = [batch for epoch in range(4) for batch in copies(loader.epoch(epoch))]
    done = 0
    with number_loader(10, num_workers=num_workers) as loader:
        for epoch in range(4):
            for start in range(loader.num_batches(epoch) + 1):
                resumed = copies(loader.epoch(epoch, start_batch=start))
                assert_same(resumed, unbroken[done + start : done + loader.num_batches(epoch)])
            done += loader.num_batches(epoch)


def test_leaving_an_epoch_early_spoils_nothing():
    with number_loader(40) as loader:
        expected = copies(loader.epoch(1))
    with number_loader(40, num_workers=2) as loader:
        for _ in range(3):
            abandoned = loader.epoch(0)
            next(abandoned)
            assert_same(copies(loader.epoch(1)), expected)
        with pytest.raises(RuntimeError, match="this epoch ended when another"):
            next(abandoned)


def test_large_batches_fit_the_queue():
    settings = {"batch_size": 2000, "shuffle": True}
    with number_loader(6000, num_workers=1, **settings) as loader:
        batches = copies(loader.epoch(0))
    assert_same(batches, copies(number_loader(6000, **settings).epoch(0)))


def test_a_batch_too_large_for_the_queue_is_said_in_one_line():
    with (
        number_loader(10_000, batch_size=10_000, num_workers=1) as loader,
        pytest.raises(EnvironmentProblem, match="no queue can hold 3 batches of 10000 samples"),
    ):
        next(loader.epoch(0))


def test_batches_are_not_copied():
    with number_loader(40, num_workers=1) as loader:
        addresses = [batch.arrays["noise"].ctypes.data for batch in loader.epoch(0)]
    assert len(addresses) == 10 and len(set(addresses)) == 3


def test_a_closed_loader_starts_again():
    loader = number_loader(8, num_workers=1)
    first = copies(loader.epoch(0))
    loader.close()
    loader.close()
    assert_same(copies(loader.epoch(0)), first)
    loader.close()


# ---- trouble


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_keeps_its_kind_and_names_the_file(num_workers):
    maker = NumberSamples("error", at=6)
    with (
        number_loader(make_sample=maker, num_workers=num_workers) as loader,
        pytest.raises(DataError, match="^images/000006.jpg: the picture is upside down$"),
    ):
        list(loader.epoch(0))


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_signal_in_the_middle_of_a_sample_is_no_error_of_that_image(num_workers):
    maker = NumberSamples("signal", at=6)
    with (
        number_loader(make_sample=maker, num_workers=num_workers) as loader,
        pytest.raises(Interrupted, match="^stopped by SIGINT$") as caught,
    ):
        list(loader.epoch(0))
    assert caught.value.exit_code == 130


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_truncated_jpeg_is_named(tiny_voc, num_workers):
    broken = tiny_voc / "VOC2007/JPEGImages/000002.jpg"
    broken.write_bytes(broken.read_bytes()[:-200])
    dataset = VocDataset(tiny_voc, splits=(("VOC2007", "test"),), classes=VOC_CLASSES)
    with (
        Loader(
            dataset,
            EvalSamples(InputFormat((32, 32))),
            batch_size=2,
            shuffle=False,
            seed=0,
            num_workers=num_workers,
            last_batch="keep",
        ) as loader,
        pytest.raises(DataError, match="000002.jpg") as caught,
    ):
        list(loader.epoch(0))
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("000002.jpg") == 1


def test_a_killed_worker_is_an_error_that_names_the_file():
    maker = NumberSamples("kill", at=9)
    with (
        number_loader(make_sample=maker, num_workers=2) as loader,
        pytest.raises(DataError, match=r"died \(killed by signal 9\).*images/000009.jpg"),
    ):
        list(loader.epoch(0))


def test_a_bug_in_a_worker_shows_its_traceback_and_the_file(capfd):
    maker = NumberSamples("bug", at=9)
    with (
        number_loader(make_sample=maker, num_workers=1) as loader,
        pytest.raises(DataError, match=r"died \(exit code 1\).*images/000009.jpg"),
    ):
        list(loader.epoch(0))
    assert "ZeroDivisionError: a bug in the sample maker" in capfd.readouterr().err


def test_a_hung_worker_is_an_error_that_names_the_file():
    maker = NumberSamples("hang", at=7)
    started = time.monotonic()
    with (
        number_loader(make_sample=maker, num_workers=2, timeout_s=2) as loader,
        pytest.raises(DataError, match=r"images/000007.jpg for more than 2 s.*without w") as caught,
    ):
        list(loader.epoch(0))
    assert caught.value.settings == ("num_workers",)
    assert time.monotonic() - started < 10


def test_a_slow_sample_is_not_an_error():
    maker = NumberSamples("slow", at=7)
    with number_loader(make_sample=maker, num_workers=2, timeout_s=5) as loader:
        assert len(list(loader.epoch(0))) == 5


def test_workers_that_cannot_start_are_an_error():
    dataset = LateDataset(20)
    with (
        Loader(
            dataset, NumberSamples(), batch_size=4, shuffle=True, seed=0, num_workers=1
        ) as loader,
        pytest.raises(DataError, match=r"died \(exit code 3\) while starting to read numbered"),
    ):
        list(loader.epoch(0))


def test_too_little_memory_is_said_in_one_line():
    with (
        number_loader(make_sample=HugeSamples(), num_workers=1) as loader,
        pytest.raises(EnvironmentProblem, match="for 3 batches of 4.*smaller batches") as caught,
    ):
        list(loader.epoch(0))
    assert caught.value.settings == ("batch_size", "num_workers")
    assert "\n" not in str(caught.value)


# ---- the life of workers


def children_of(pid):
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, limit_s):
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_closing_ends_the_workers_at_once():
    before = children_of(os.getpid())
    loader = number_loader(num_workers=3)
    next(loader.epoch(0))
    assert len(children_of(os.getpid()) - before) == 3
    started = time.monotonic()
    loader.close()
    assert time.monotonic() - started < 1.5
    assert children_of(os.getpid()) == before


def test_a_forgotten_loader_ends_its_workers():
    before = children_of(os.getpid())
    loader = number_loader(num_workers=1)
    next(loader.epoch(0))
    del loader
    gc.collect()
    assert children_of(os.getpid()) == before


def test_workers_start_within_a_second_or_so():
    with number_loader(num_workers=1) as loader:
        started = time.monotonic()
        next(loader.epoch(0))
        # 0.3 s on an idle machine; an import of MXNet would take several times the bound.
        assert time.monotonic() - started < 3


def test_workers_import_neither_mxnet_nor_the_main_module():
    code = (
        "import sys, gluon_ssd.data.loading.worker; "
        "sys.exit(any(name in sys.modules for name in ('mxnet', 'gluoncv', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def start_holder(tmp_path):
    pids_file = tmp_path / "pids"
    code = f"from tests.data.odd_datasets import hold_a_loader; hold_a_loader({str(pids_file)!r})"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True
    )
    assert wait_until(lambda: pids_file.is_file() and pids_file.read_text(), 30)
    workers = [int(pid) for pid in pids_file.read_text().split()]
    assert len(workers) == 2 and all(is_running(pid) for pid in workers)
    return holder, workers


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_workers_end_when_their_parent_is_killed(tmp_path, number):
    holder, workers = start_holder(tmp_path)
    holder.send_signal(number)
    errors = holder.communicate()[1]
    assert wait_until(lambda: not any(is_running(pid) for pid in workers), 5)
    assert errors == b""


def test_ctrl_c_prints_no_traceback_of_a_worker(tmp_path):
    holder, workers = start_holder(tmp_path)
    os.killpg(holder.pid, signal.SIGINT)
    errors = holder.communicate()[1].decode()
    assert wait_until(lambda: not any(is_running(pid) for pid in workers), 5)
    assert errors.count("Traceback") == 1 and "worker" not in errors


def test_leaving_without_closing_prints_nothing():
    code = (
        "from tests.data.odd_datasets import *; from gluon_ssd.data.loading.loader import Loader; "
        "loader = Loader(NumberedDataset(40), NumberSamples(), batch_size=4, shuffle=True, seed=0, "
        "num_workers=2); batches = loader.epoch(0); next(batches)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], cwd=ROOT, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_epochs_with_workers_show_every_image_once():
    with number_loader(23, num_workers=2) as loader:
        seen = Counter(
            index
            for epoch in range(4)
            for batch in loader.epoch(epoch)
            for index in batch.arrays["number"].tolist()
        )
    # 4 * 23 samples fill 23 batches of 4 exactly.
    assert seen == Counter(dict.fromkeys(range(23), 4))

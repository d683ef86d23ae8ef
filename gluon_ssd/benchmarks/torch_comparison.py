"""This project's networks against the published ones in PyTorch, in turns, in one run.

Both sides have the same weights, image and number of threads. From the image to what is kept; and
a training step, from images and targets to updated weights.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.benchmarks.precision import training_step
from gluon_ssd.benchmarks.table_subjects import our_forms
from gluon_ssd.benchmarks.torch_peer import TorchPeer, torch_command
from gluon_ssd.benchmarks.training import POSITIVES, bare_network, random_batch, random_network
from gluon_ssd.benchmarks.turns import ratio_facts, take_turns
from gluon_ssd.commands.wiring.models import export_network_as
from gluon_ssd.compat import mx
from gluon_ssd.models.interface import Network
from gluon_ssd.models.spec import Spec
from gluon_ssd.models.weights import load_parameters, save_arrays
from gluon_ssd.options.benchmarks import TRAINED_BY_TORCH, TorchBenchmark
from gluon_ssd.report.tables import Row
from gluon_ssd.report.timing import measure_latency
from gluon_ssd.system.cpu import cpu_flags, cpu_name, has_bfloat16
from gluon_ssd.system.scratch import scratch_folder
from gluon_ssd.system.threads import compute_threads
from gluon_ssd.training.precision.amp import MixedPrecision, PaddedFloat32, Precision

_log = logging.getLogger(__name__)

TORCH_NOTE = (
    "Both sides in turns, with the same weights, image and threads; every turn starts with a call "
    "that does not count. Times are medians of the turns; times faster is PyTorch's time over ours "
    "within one turn: median, least and most. PyTorch is run as published, eagerly, in the order "
    "of memory (channels first or last) that is faster here; suppression in SSD is torchvision's "
    "compiled one instead of the published loops in Python, which are slower. int8 stands beside "
    "PyTorch's float32. Inference: one image to detections; kept in common: detections of both "
    "float32 forms with the same class, score and box. Training: forward, loss, backward, update."
)

# How far scores and boxes (px) of one object may be apart between two programs in float32.
_SCORE_APART, _BOX_APART_PX = 1e-3, 0.5

_CANDIDATES = 500  # of the image; of a photograph and trained weights some hundred pass

Way = Callable[[int], list[float]]
Peer = Any  # a TorchPeer
_Facts = dict[str, Any]


def torch_rows(options: TorchBenchmark) -> list[Row]:
    """Measure; one row a network, task and type.

    Raises:
        EnvironmentProblem: PyTorch cannot be run.
        ModelError, WeightsError: the weights of the other side do not fit.
    """
    threads = compute_threads()
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(scratch_folder()))
        peer = stack.enter_context(TorchPeer(torch_command(options.python), threads))
        for spec, word in options.subjects:
            _log.info("measuring %s ...", spec.name)
            facts = _load(peer, spec, word, folder, options.batch_size)
            known = {"threads": threads, "torch": facts["torch"], "CPU": cpu_name()}
            if not options.no_inference:
                rows += [row | known for row in _inference(peer, spec, folder, options)]
            if not options.no_training and word in TRAINED_BY_TORCH:
                rows += [row | known for row in _training(peer, spec, options)]
    return rows


def _load(peer: Peer, spec: Spec, word: str, folder: Path, batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch, 3, *spec.input_size_hw)).astype(np.float32)
    np.save(folder / "images.npy", images)
    answer: dict[str, Any] = peer.ask(
        "load",
        network=word,
        folder=str(folder),
        threads=compute_threads(),
        candidates=_CANDIDATES,
    )
    return answer


def _inference(peer: Peer, spec: Spec, folder: Path, options: TorchBenchmark) -> list[_Facts]:
    image = mx.nd.array(np.load(folder / "images.npy")[:1])
    network = _with_weights(spec, folder / "weights.npz")
    prefix = str(folder / "f32")
    size_hw, decoding = spec.input_size_hw, spec.decoding
    export_network_as(network, prefix, decoding=decoding, input_size_hw=size_hw, fused=False)
    float32, int8 = our_forms(prefix, size_hw, image.asnumpy())
    ours = [output.asnumpy()[0] for output in float32.run(image)]
    agreement = count_common(ours, peer.ask("detect"))
    ways = {
        "torch": _of_torch(peer, "inference", "float32", options.calls),
        "float32": _of_ours(float32.run, image, options.calls),
        "int8": _of_ours(int8.run, image, options.calls),
    }
    turns = _turns(ways, options.rounds)
    facts = {"network": spec.name, "task": "inference", "batch": 1}
    rows = [facts | _compared(turns, kind) for kind in ("float32", "int8")]
    rows[0] |= agreement
    fp32_over_int8 = ratio_facts(turns["int8"], turns["float32"])
    rows[1]["x our float32"] = fp32_over_int8["ratio"]
    return rows


def _with_weights(spec: Spec, path: Path) -> Network:
    """The network with arrays of published names."""
    network: Network = bare_network(spec.name)
    own = path.with_suffix(".params")
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    # Counters of batches are no weights, and have no dimension, which MXNet's files cannot hold.
    save_arrays(own, {name: array for name, array in arrays.items() if array.ndim})
    load_parameters(network, own)
    return network


def count_common(
    ours: Sequence[NDArray[np.float32]], theirs: Mapping[str, Sequence[Any]]
) -> dict[str, int]:
    """How many detections of one image both sides keep.

    Args:
        ours: class (K, 1), score (K, 1) and corners in px (K, 4); rows of class -1 are empty.
        theirs: "labels", "scores", "boxes" in the same units.

    Returns:
        "kept", ours; "kept in common", those that the other side has with the same class, within
        a thousandth of score and half a pixel.
    """
    ids, scores, boxes = ours
    there = ids[:, 0] >= 0
    rows = np.column_stack([ids, scores, boxes])[there]
    sizes = {"labels": 1, "scores": 1, "boxes": 4}
    others = np.column_stack([np.reshape(theirs[key], (-1, n)) for key, n in sizes.items()])
    apart = np.array([0.0, _SCORE_APART, *[_BOX_APART_PX] * 4])
    same = (np.abs(rows[:, None] - others[None]) <= apart).all(2)
    return {"kept": len(rows), "kept in common": int(same.any(1).sum())}


def _training(peer: Peer, spec: Spec, options: TorchBenchmark) -> list[_Facts]:
    network = random_network(spec.name, mx.cpu())
    arrays = random_batch(network, options.batch_size).arrays
    precisions: dict[str, Precision] = {"float32": PaddedFloat32()}
    if has_bfloat16(cpu_flags()):
        precisions["bfloat16"] = MixedPrecision("bfloat16")
    rows: list[_Facts] = []
    for dtype, precision in precisions.items():
        precision.convert(network, (3, *network.input_size_hw))
        step = training_step(network, precision, mx.cpu())
        ways = {
            "torch": _of_torch(peer, "training", dtype, options.calls, positives=POSITIVES),
            dtype: _of_ours(step, arrays, options.calls),
        }
        turns = _turns(ways, options.rounds)
        facts = {"network": spec.name, "task": "training step", "batch": options.batch_size}
        rows.append(facts | _compared(turns, dtype))
    return rows


def _of_torch(peer: Peer, task: str, dtype: str, calls: int, **more: int) -> Way:
    def way(_: int) -> list[float]:
        seconds = peer.ask("time", task=task, dtype=dtype, calls=calls, **more)["seconds"]
        return [1000 * each for each in seconds]

    return way


def _of_ours(run: Callable[[Any], Any], argument: Any, calls: int) -> Way:
    def way(_: int) -> list[float]:
        measure_latency(run, [argument], iterations=1, warmup=0)
        singles = (measure_latency(run, [argument], iterations=1, warmup=0) for _ in range(calls))
        return [each.median_ms for each in singles]

    return way


def _turns(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """Median milliseconds of each way's calls in each turn; one turn goes before."""
    times = take_turns(ways, rounds, warmup=1)
    return {name: [float(np.median(turn)) for turn in turns] for name, turns in times.items()}


def _compared(turns: Mapping[str, Sequence[float]], kind: str) -> dict[str, Any]:
    facts = ratio_facts(turns[kind], turns["torch"])
    return {
        "type": kind,
        "torch, ms": float(np.median(turns["torch"])),
        "ours, ms": float(np.median(turns[kind])),
        "times faster": facts["ratio"],
        "least": facts["ratio_low"],
        "most": facts["ratio_high"],
        "turns": len(turns[kind]),
    }

"""Evaluation against the original way: the same images, one after the other, whole wall time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from gluon_ssd.benchmarks.gluoncv.evaluation import original_evaluation
from gluon_ssd.benchmarks.turns import take_turns
from gluon_ssd.commands.wiring.exported import deployed_model
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.options.benchmarks import EvalBenchmark
from gluon_ssd.report.tables import Row


def evaluation_rows(options: EvalBenchmark) -> list[Row]:
    """Score the same images both ways; one row a way."""
    dataset = open_dataset(
        "voc", Selection(options.dataset_root, train=False, splits=options.splits)
    )
    if options.limit_images:
        dataset = dataset.subset(range(min(options.limit_images, len(dataset))))
    return compare_evaluations(
        lambda: original_evaluation(
            dataset,
            prefix=options.model_prefix,
            input_size_hw=(options.data_shape, options.data_shape),
            batch_size=options.batch_size,
        ),
        lambda: _our_evaluation(options, dataset),
        num_images=len(dataset),
        rounds=options.rounds,
    )


def compare_evaluations(
    original: Callable[[], float], ours: Callable[[], float], *, num_images: int, rounds: int
) -> list[Row]:
    """Run both ways in turns.

    Args:
        original: scores all images the original way, as a fraction.
        ours: scores the same images our way, start-up of workers included.
        num_images: how many images these are.
        rounds: how often each is run.

    Returns:
        One row a way: its last score, the medians of its wall time, and the original's as unit.
    """

    def timed(evaluate: Callable[[], float]) -> tuple[float, float]:
        start = time.perf_counter()
        return evaluate(), time.perf_counter() - start

    measured = take_turns(
        {"original": lambda _: timed(original), "ours": lambda _: timed(ours)}, rounds
    )
    seconds = {way: float(np.median(found, axis=0)[1]) for way, found in measured.items()}
    return [
        {
            "way": way,
            "mAP": round(found[-1][0], 4),
            "images": num_images,
            "seconds": seconds[way],
            "images/s": num_images / seconds[way],
            "x the time": seconds[way] / seconds["original"],
        }
        for way, found in measured.items()
    ]


def _our_evaluation(options: EvalBenchmark, dataset: ListedDataset) -> float:
    """All that eval_ssd.py does after start-up: load, compile, start workers, predict, score."""
    input_size_hw = options.data_shape, options.data_shape
    model = deployed_model(options.model_prefix, input_size_hw, device="cpu")
    samples = EvalSamples(model.input_format)
    truth = collect_ground_truth(dataset.annotation(i) for i in range(len(dataset)))
    with Loader(
        dataset,
        samples,
        batch_size=options.batch_size,
        shuffle=False,
        seed=0,
        num_workers=options.num_workers,
        last_batch="keep",
    ) as loader:
        found = predict(model.run, loader.epoch(0), num_images=len(dataset))
    return evaluate_voc(found, truth, dataset.classes).score

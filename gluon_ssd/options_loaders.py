"""Options of the benchmark of data loaders."""

from __future__ import annotations

from dataclasses import dataclass

from gluon_ssd.cli import option


@dataclass(frozen=True)
class LoaderBenchmark:
    """Options of scripts/benchmark_ssd.py dali."""

    dataset_root: str = option("~/.mxnet/datasets/", "folder that holds a VOC-layout data set")
    splits: str = option("", "splits to read; empty takes 2007_test")
    data_shape: int = option(300, "side of the network input, in pixels", minimum=32)
    anchors: str = option(
        "", "full name of the zoo network whose anchors are used; empty takes VGG16's of that size"
    )
    num_images: int = option(256, "images a round; 0 takes all", minimum=0)
    batch_size: int = option(16, "images a batch", minimum=1)
    num_workers: int = option(2, "processes or threads of each loader", minimum=1)
    rounds: int = option(3, "rounds, each loader in turn", minimum=1)
    train: str = option(
        "",
        "full name of a zoo network to train in each round, such as ssd_300_mobilenet0.25_voc, "
        "instead of only loading; the share of time it waits for data is shown too",
    )
    output: str = option("", "also write the numbers to this JSON file")

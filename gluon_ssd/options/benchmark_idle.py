"""Which options of scripts/benchmark_ssd.py have no effect beside which others.

See `options.idle`.
"""

from __future__ import annotations

from gluon_ssd.options.idle import WITHOUT_WORKERS, Idle

_NO_SET = "without --dataset-root: there are no images to read"

MODEL_IDLE = (
    Idle(("iterations",), lambda command: command.no_latency, "with --no-latency: nothing runs"),
)
TABLE_IDLE = (
    Idle(
        ("splits", "limit_images", "num_workers", "calib_images"),
        lambda command: not command.dataset_root,
        _NO_SET,
    ),
)
FORMATS_IDLE = (
    Idle(
        (
            *("dataset", "splits", "classes", "metric", "limit_images", "num_workers"),
            "calib_images",
        ),
        lambda command: not command.dataset_root,
        _NO_SET,
    ),
)
LOADER_IDLE = (
    Idle(
        ("anchors",),
        lambda command: bool(command.train),
        "with --train: that network's anchors are used",
    ),
)
CONTENDED_IDLE = (
    Idle(("nice",), lambda command: not command.loops, "without processes that it is of (--loops)"),
)
SERVE_IDLE = (
    Idle(("broken",), lambda command: not command.requests, "without requests (--requests 0)"),
)
LOADGEN_IDLE = (
    WITHOUT_WORKERS,
    Idle(
        ("streams", "batch_size", "target_qps"),
        lambda command: command.loadgen.scenario == "SingleStream",
        "in the scenario SingleStream: one image follows the other",
    ),
    Idle(
        ("target_latency",),
        lambda command: command.loadgen.scenario != "Server",
        "outside the scenario Server",
    ),
    Idle(
        ("metric",),
        lambda command: command.loadgen.mode != "accuracy",
        "outside the mode accuracy: nothing is scored",
    ),
    Idle(
        ("performance_count", "min_duration", "min_queries"),
        lambda command: command.loadgen.mode == "accuracy",
        "in the mode accuracy, which takes every image once",
    ),
)

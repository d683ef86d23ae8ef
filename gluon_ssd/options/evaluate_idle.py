"""Which options of eval_ssd.py have no effect beside which others; see `options.idle`."""

from __future__ import annotations

from typing import Any

from gluon_ssd.options.idle import WITHOUT_WORKERS, Idle

_OF_DATA = (
    *("splits", "val_share", "limit_images", "dataset_root", "num_workers", "worker_timeout"),
    *("layout", "image_root", "unlabelled", "exif", "max_pixels", "on_bad_image"),
)


def _makes_int8(command: Any) -> bool:
    return bool(command.calibrates or command.deploy.auto_tuning)


def _scores(command: Any) -> bool:
    return not (_makes_int8(command) or command.measures_speed)


def _reads_no_data(command: Any) -> bool:
    return bool(command.benchmark.benchmark and not command.benchmark.benchmark_data)


def _writes_no_coco_file(command: Any) -> bool:
    of_voc = command.eval.metric == "auto" and command.data.dataset == "voc"
    return of_voc or command.eval.metric in ("voc07", "voc12")


EVALUATE_IDLE = (
    Idle(
        ("calibration",),
        lambda command: command.deploy.quantized,
        "with --quantized, which is an int8 network already",
    ),
    Idle(
        ("calibration",),
        lambda command: command.benchmark.benchmark and not command.deploy.quantized,
        "with --benchmark, which goes before it",
    ),
    Idle(
        (
            *("num_calib_batches", "quantized_dtype", "calib_mode", "int8_form"),
            *("calib_tolerance", "no_calib_score"),
        ),
        lambda command: not command.deploy.calibration,
        "without --calibration",
    ),
    Idle(
        ("calib_split", "calib_output"),
        lambda command: not (command.deploy.calibration or command.deploy.auto_tuning),
        "without --calibration or --auto_tuning",
    ),
    Idle(
        ("calib_tolerance", "metric"),
        lambda command: command.calibrates and command.deploy.no_calib_score,
        "with --no-calib-score",
    ),
    Idle(
        ("calib_seed",),
        lambda command: not command.deploy.calib_split,
        "without --calib-split, from which it draws",
    ),
    Idle(
        ("auto_tuning_config", "tuned_output"),
        lambda command: not command.deploy.auto_tuning,
        "without --auto_tuning",
    ),
    Idle(
        ("calib_output",),
        lambda command: command.deploy.auto_tuning and bool(command.deploy.tuned_output),
        "with --tuned-output, which says where the result goes",
    ),
    Idle(
        ("model_prefix",),
        lambda command: not command.deploy.deploy,
        "without --deploy: the zoo's network runs in place of that model",
    ),
    Idle(
        ("no_fuse", "preprocessing", "mean_rgb"),
        lambda command: not command.deploy.deploy,
        "without an exported model (--deploy)",
    ),
    Idle(
        ("no_fuse", "streams"),
        _makes_int8,
        "on making an int8 model",
    ),
    Idle(
        ("backend",),
        lambda command: command.deploy.auto_tuning,
        "with --auto_tuning: its configuration names the framework, or the files do",
    ),
    Idle(
        ("model_root", "mirror"),
        lambda command: command.deploy.deploy,
        "with --deploy: nothing is downloaded",
    ),
    Idle(
        ("quantized", "pretrained"),
        lambda command: command.deploy.deploy,
        "with --deploy: the exported model runs",
    ),
    Idle(
        ("num_iterations",),
        lambda command: not command.benchmark.benchmark,
        "without --benchmark",
    ),
    Idle(
        ("benchmark_warmup", "benchmark_iterations"),
        lambda command: not command.times_inference,
        "without --mode benchmark-inference",
    ),
    Idle(
        ("save_prefix", "results", "save_detections", "report", "save_thresholds"),
        lambda command: not _scores(command),
        "where no data set is scored",
    ),
    Idle(
        ("against", "report_errors"),
        lambda command: not command.eval.report,
        "without --report",
    ),
    Idle(
        ("schema",),
        lambda command: not command.eval.save_detections,
        "without --save-detections",
    ),
    Idle(
        ("save_prefix",),
        lambda command: _scores(command) and _writes_no_coco_file(command),
        "on VOC's metrics: it names the result file of COCO's",
    ),
    Idle(
        ("metric",),
        lambda command: not (_scores(command) or _makes_int8(command)),
        "where no data set is scored",
    ),
    Idle(
        ("json_summary",),
        lambda command: not (_scores(command) or command.times_inference),
        "where neither a data set is scored nor --mode benchmark-inference measures",
    ),
    Idle(
        _OF_DATA,
        _reads_no_data,
        "on --benchmark, which runs on noise unless --benchmark-data is given",
        told=True,
    ),
    WITHOUT_WORKERS,
    Idle(
        ("dtype",),
        _makes_int8,
        "on making an int8 model",
    ),
)

"""Who may import whom, and what tests whom: the tables that every file is held against."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# --- who may import whom -------------------------------------------------------------------------
# A unit is a folder or file below gluon_ssd; the longest name here that a file falls under counts.
# "entry" is every command, and every script that is started. Each row may import the rows above it.

_LOW = {"errors", "system", "detection"}
_MODEL = {*_LOW, "detection.mxnet", "compat", "data.class_names", "models", "models.record"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "system": {"errors"},
    "compat": {"errors", "system"},
    # NumPy alone, since data workers must start without MXNet; what runs on MXNet stands apart.
    "detection": {"errors"},
    "detection.mxnet": {"errors", "detection", "compat"},
    "data": {"errors", "system", "detection", "data.class_names"},
    "data.class_names": set(),
    # The words and limits that options and deployment share.
    "deploy.int8_modes": set(),
    # Part of data, but never in a data worker: the plugin of DALI needs MXNet.
    "data.dali": {"errors", "detection", "compat", "data"},
    "models.record": {"errors", "system", "detection"},
    "models.spec": {"errors", "detection", "data.class_names"},
    "models": {*_MODEL, "models.spec"} - {"models"},
    "families.catalog": {"errors", "models.spec"},
    "families": {*_MODEL, "models.spec", "families.catalog"},
    # Options ask a checkpoint what it is of, without a framework.
    "training.saved_network": {"errors", "system"},
    "training": {*_LOW, "detection.mxnet", "compat", "models", "training.saved_network"},
    "evaluation": _LOW,
    "deploy": {*_MODEL, "models.spec", "families", "families.catalog", "deploy.int8_modes"},
    # What every runtime stands on, whatever computes; see UNIT_OF.
    "deploy.seam": {"errors", "system", "detection", "models.record"},
    "deploy.onnx": {
        "errors",
        "system",
        "detection",
        "models.record",
        "deploy.seam",
        "deploy.int8_modes",
    },
    "deploy.openvino": {
        "errors",
        "system",
        "detection",
        "models.record",
        "deploy.seam",
        "deploy.onnx",
    },
    "report": _LOW,
    # The page about one detector, of the numbers of evaluation.analysis.
    "report.analysis": {*_LOW, "evaluation", "report"},
    # Pictures in, results out, by any runtime.
    "inference": {
        *_LOW,
        "data",
        "data.class_names",
        "models.record",
        "deploy",
        "deploy.seam",
        "evaluation",
        "report",
        "report.analysis",
    },
    "inference.tables": {"errors", "system", "inference"},
    # What was found, written in one form or another.
    "inference.outputs": {"errors", "system", "data", "evaluation", "inference"},
    "serving": {"errors", "system", "data", "deploy.seam", "inference"},
    # What `import gluon_ssd` offers; the package itself imports it when it is asked for.
    "api": {*_LOW, "data", "deploy", "deploy.seam", "evaluation", "inference"},
    "": {"api"},
    "options": {
        "errors",
        "system",
        "detection",
        "deploy.int8_modes",
        "families.catalog",
        "models.spec",
        # What stands beside weights, or in a checkpoint, needs no option that says it again.
        "models.record",
        "training.saved_network",
    },
    "commands.wiring": set(),
    "benchmarks.gluoncv": set(),
    "benchmarks.peer": {"errors", "system"},
    "benchmarks.loadgen": {"benchmarks.peer", "commands.wiring"},
    "benchmarks": {f"benchmarks.{of}" for of in ("gluoncv", "loadgen", "peer")}
    | {"commands.wiring"},
    "commands": {"commands.wiring", "benchmarks"},
    "doctor": {"system"},
    "entry": {"errors", "system", "options", "commands", "commands.wiring", "benchmarks", "doctor"},
}
# For those who change the project; only they may use its tests.
MAY_IMPORT["deploy"] |= {"deploy.seam", "deploy.onnx", "deploy.openvino"}
MAY_IMPORT["developer"] = {*MAY_IMPORT["entry"]}
DEVELOPER_SCRIPTS = {
    f"scripts/{of}.py" for of in ("mutants", "fuzz", "kill_runs", "soak", "try_changes")
}
OWN_UNITS = (
    *(name.removesuffix(".py") for name in DEVELOPER_SCRIPTS),
    "scripts/reliability",
    "scripts/trials",
)
OWN_SCRIPTS = {*DEVELOPER_SCRIPTS, "scripts/update_flags.py"}
MAY_IMPORT["torch"] = set()  # published networks in PyTorch, in an environment without this package
TORCH_SCRIPTS = ROOT / "scripts/torch_reference"

_COMMANDS = "commands.wiring benchmarks.gluoncv benchmarks.loadgen benchmarks commands".split()
_OTHERS = {"", "benchmarks.peer", "entry", "developer", "doctor"}
_BELOW_COMMANDS = MAY_IMPORT.keys() - _OTHERS - {*_COMMANDS}
for _above in [*_COMMANDS, "developer"]:
    MAY_IMPORT[_above] |= _BELOW_COMMANDS

# Files that belong to another unit than their folder; `*` is the folder of any family.
UNIT_OF: dict[str, str] = {
    **dict.fromkeys(
        (f"detection.{of}" for of in ("decoder", "multibox_loss", "mean_image_loss", "focal_loss")),
        "detection.mxnet",
    ),
    **{
        f"deploy.{of}": "deploy.seam"
        for of in "detector_parts engine engine_teams teams ranges agreement raw_model "
        "runtime_model told onnx.names".split()
    },
    "families.*.spec": "models.spec",
    # What specs of several families have in common.
    "models.*.spec": "models.spec",
}

# "importer imported", dotted and below the package, that must not be, though their units may.
MUST_NOT_IMPORT = {
    "a family stands behind families.build, and its spec behind families.catalog": re.compile(
        r"(?!families\.build |families\.catalog families\.\w+\.spec)"
        r"(?!families\.(\w+)\.\S+ families\.\1)"
        r"\S+ families\.(?!build|catalog|family|recognition)"
    ),
    "what any runtime can do asks for none": re.compile(
        r"(commands\.(evaluate|demo|time_model)|report\.\w+|api|inference\.(?!export )\w+)"
        r" deploy\.mxnet"
    ),
}

# Packages outside the standard library. MXNet comes through compat alone.
MAY_USE: dict[str, set[str]] = {
    # requests keeps connections open and knows proxies; urllib3 below it raises errors of its own.
    # Configurations of yannqi and descriptions of YOLO's data sets are YAML.
    "system": {"tqdm", "requests", "urllib3", "yaml"},
    "compat": {"numpy", "mxnet"},
    "detection": {"numpy", "numba"},
    "detection.mxnet": {"numpy"},
    "data": {"numpy", "cv2", "PIL", "simplejpeg", "tqdm"},
    "data.dali": {"numpy", "cv2", "nvidia"},
    "models.record": {"numpy"},
    "models": {"numpy"},
    "families": {"numpy", "gluoncv"},
    # MXNet does not load its own mixed precision.
    "training": {"numpy", "horovod", "mxnet"},
    "evaluation": {"numpy", "pycocotools"},
    "deploy": {"numpy", "neural_compressor"},
    "deploy.seam": {"numpy"},
    # protobuf tells of a file that is none of its own.
    "deploy.onnx": {"numpy", "onnx", "onnxruntime", "google"},
    # nncf draws its progress with rich.
    "deploy.openvino": {"numpy", "openvino", "nncf", "rich"},
    # Pillow writes names with more letters than OpenCV has.
    "report": {
        *("numpy", "cv2", "matplotlib", "PIL", "fontTools"),
        *("mlperf_logging", "tensorboardX"),
    },
    "report.analysis": {"numpy", "cv2", "matplotlib"},
    "inference": {"numpy", "supervision"},
    "inference.tables": {"pyarrow"},
    "inference.outputs": {"numpy", "cv2"},
    "serving": {"numpy", "fastapi", "pydantic_core", "starlette", "uvicorn", "prometheus_client"},
    # GluonCV is the other side of a benchmark.
    "benchmarks.gluoncv": {"numpy", "gluoncv"},
    "benchmarks.loadgen": {"numpy", "mlperf_loadgen"},
    "benchmarks": {"numpy", "cv2", "matplotlib", "psutil"},
    "commands.wiring": {"numpy", "cv2"},
    "commands": {"numpy", "cv2"},
    "developer": {"numpy", "cv2", "PIL", "onnx", "openvino", "psutil", "tests", "scripts"},
    "torch": {"numpy", "torch", "torchvision", "scripts", "tests"},
}

# Module without a test file of its own -> the file that tests it, since it only puts tested parts
# together, or is one half of what that file tests.
TESTED_BY = {
    "benchmarks/gluoncv/decoder.py": "benchmarks/test_decoding.py",
    "benchmarks/gluoncv/network.py": "test_benchmark_entry.py",
    "benchmarks/formats/command.py": "test_formats_entry.py",
    "benchmarks/table.py": "test_benchmark_entry.py",
    "commands/calibration/mxnet.py": "test_calibration_entry.py",
    "commands/calibration/onnx.py": "test_onnx_int8_entry.py",
    "commands/wiring/validation.py": "test_train_entry.py",
    "deploy/mxnet/symbol_check/arrays.py": "deploy/mxnet/symbol_check/test_table.py",
    "deploy/mxnet/symbol_check/detections.py": "deploy/mxnet/symbol_check/test_table.py",
    "deploy/mxnet/symbol_check/int8.py": "deploy/mxnet/symbol_check/test_table.py",
    "deploy/mxnet/symbol_check/layers.py": "deploy/mxnet/symbol_check/test_table.py",
    "deploy/mxnet/symbol_check/operator.py": "deploy/mxnet/symbol_check/test_table.py",
    "commands/wiring/reports.py": "test_analyse_entry.py",
    "commands/wiring/thresholds.py": "test_thresholds_entry.py",
    "inference/analysis.py": "test_analyse_entry.py",
    "report/analysis/change.py": "report/analysis/test_write.py",
    "report/analysis/sections.py": "report/analysis/test_write.py",
    "report/analysis/summary.py": "report/analysis/test_write.py",
    "entry/benchmark_ssd.py": "test_benchmark_entry.py",
    "entry/eval_ssd.py": "test_eval_entry.py",
    "entry/train_ssd.py": "test_train_entry.py",
    "commands/tune.py": "test_tuning_entry.py",
    "serving/bodies.py": "serving/test_app.py",
    "commands/tuning/data.py": "test_tuning_entry.py",
    "commands/tuning/narrator.py": "test_tuning_entry.py",
}

"""The rules of tests/test_layout.py: functions from a parsed file to a list of complaints."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "gluon_ssd"

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
    "training": {*_LOW, "detection.mxnet", "compat", "models"},
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
    },
    "inference.tables": {"errors", "system", "inference"},
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
DEVELOPER_SCRIPTS = {f"scripts/{of}.py" for of in ("mutants", "fuzz", "kill_runs", "soak")}
_OWN = (*(name.removesuffix(".py") for name in DEVELOPER_SCRIPTS), "scripts/reliability")
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
    "report": {"numpy", "cv2", "matplotlib", "PIL", "mlperf_logging"},
    "inference": {"numpy", "supervision"},
    "inference.tables": {"pyarrow"},
    "serving": {"numpy", "fastapi", "starlette", "uvicorn", "prometheus_client"},
    # GluonCV is the other side of a benchmark.
    "benchmarks.gluoncv": {"numpy", "gluoncv"},
    "benchmarks.loadgen": {"numpy", "mlperf_loadgen"},
    "benchmarks": {"numpy", "cv2", "matplotlib", "psutil"},
    "commands.wiring": {"numpy", "cv2"},
    "commands": {"numpy", "cv2"},
    "developer": {"numpy", "cv2", "PIL", "onnx", "openvino", "psutil", "tests", "scripts"},
    "torch": {"numpy", "torch", "torchvision", "scripts", "tests"},
}

MAX_FUNCTION_LINES = 60
MAX_ARGUMENTS = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    """Every file of the package."""
    return sorted((ROOT / PACKAGE).glob("**/*.py"))


def entry_scripts() -> list[Path]:
    """Every Python file that a user starts."""
    files = [*ROOT.glob("*.py"), *(ROOT / "scripts").glob("**/*.py")]
    return sorted({*files} - {*torch_scripts(), *developer_parts()})


def starters() -> list[Path]:
    """The scripts that start a command of the package, and do nothing else."""
    return [path for path in entry_scripts() if name_of(path) not in OWN_SCRIPTS]


def entry_modules() -> list[Path]:
    """The commands: of the package, and of the scripts that are for this project alone."""
    commands = [path for path in modules() if unit_of(path) == "entry" and path.stat().st_size]
    return [*commands, *(ROOT / name for name in sorted(OWN_SCRIPTS))]


def torch_scripts() -> list[Path]:
    """Every file of what is measured in PyTorch; no other file imports it."""
    return sorted(TORCH_SCRIPTS.glob("*.py"))


def developer_parts() -> list[Path]:
    """What the fuzzers, the kills and the soak are made of."""
    folders = ("scripts/fuzzing", "scripts/reliability")
    return sorted(path for folder in folders for path in (ROOT / folder).glob("**/*.py"))


def name_of(path: Path) -> str:
    """The path below the project's root."""
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def unit_of(path: Path) -> str:
    """The key of MAY_IMPORT a file falls under; "" is the package's own __init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if path.parent == TORCH_SCRIPTS:
        return "torch"
    if parts[0] != PACKAGE:
        return "developer" if name_of(path).startswith(_OWN) else "entry"
    return _unit([part for part in parts[1:] if part != "__init__"])


def _unit(parts: Sequence[str]) -> str:
    """The unit of a dotted name below the package; "" when it is none of the table's."""
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        if name in MAY_IMPORT:
            return name
        for pattern, unit in UNIT_OF.items():
            if fnmatch(name, pattern):
                return unit
    return ""


def imported_modules(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything imported anywhere in a file of `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def import_complaints(tree: ast.Module, unit: str, package: str) -> list[str]:
    """What a file of `unit`, which lies in `package`, imports and must not."""
    complaints = []
    for line, name in imported_modules(tree, package):
        top, _, rest = name.partition(".")
        target = _unit(rest.split("."))
        if top == PACKAGE:
            allowed = {unit, *MAY_IMPORT.get(unit, set())}
            # Anything else below gluon_ssd is a name of its __init__, such as __version__.
            if target and target not in allowed:
                complaints.append(f"line {line}: {unit} imports {PACKAGE}.{target}")
        elif top not in sys.stdlib_module_names and top not in MAY_USE.get(unit, set()):
            complaints.append(f"line {line}: {unit} imports {top}")
    return complaints


def detail_complaints(tree: ast.Module, importer: str) -> list[str]:
    """What the file of that dotted name imports against MUST_NOT_IMPORT."""
    pairs = [
        (line, f"{importer} {name}".replace(f"{PACKAGE}.", ""))
        for line, name in imported_modules(tree, importer.rpartition(".")[0])
    ]
    return [
        f"line {line}: {pair.replace(' ', ' imports ')}: {why}"
        for line, pair in pairs
        for why, wrong in MUST_NOT_IMPORT.items()
        if wrong.match(pair)
    ]


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _arguments(function: Function) -> list[ast.arg]:
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [argument for argument in every if argument.arg not in {"self", "cls"}]


def _lines_without_docstring(function: Function) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def code_lines(tree: ast.Module) -> int:
    """Lines on which code begins or ends: no blank ones, comments or docstrings."""
    bare = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for part in (node, node.value)
    }
    placed = [n for n in ast.walk(tree) if hasattr(n, "lineno") and id(n) not in bare]
    return len({line for node in placed for line in (node.lineno, node.end_lineno)})


def size_complaints(tree: ast.Module) -> list[str]:
    """Functions that are too long, docstring aside, or take too many arguments."""
    found = []
    for function in functions(tree):
        lines, arguments = _lines_without_docstring(function), len(_arguments(function))
        if lines > MAX_FUNCTION_LINES:
            found.append(f"{function.name} has {lines} lines, allowed are {MAX_FUNCTION_LINES}")
        if arguments > MAX_ARGUMENTS:
            found.append(f"{function.name} takes {arguments} arguments, allowed: {MAX_ARGUMENTS}")
    return found


def _public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


def documentation_complaints(tree: ast.Module) -> list[str]:
    """Public names without docstring, public functions without full annotations."""
    has_docstring = ast.get_docstring(tree) or not tree.body  # sub-packages are empty
    complaints = [] if has_docstring else ["line 1: the module has no docstring"]
    for node in _public(tree.body):
        if not ast.get_docstring(node):
            complaints.append(f"line {node.lineno}: {node.name} has no docstring")
        if isinstance(node, ast.ClassDef):
            continue
        missing = [argument.arg for argument in _arguments(node) if argument.annotation is None]
        missing += [] if node.returns else ["return"]
        if missing:
            complaints.append(f"line {node.lineno}: {node.name} lacks types: {', '.join(missing)}")
    return complaints


def pickle_complaints(tree: ast.Module) -> list[str]:
    """Ways to read or write pickles: a file from outside could run code."""
    picklers = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    complaints = [
        f"line {line}: imports {name}"
        for line, name in imported_modules(tree, PACKAGE)
        if name.split(".")[0] in picklers
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                complaints.append(f"line {node.value.lineno}: allow_pickle is not False")
    return complaints


def print_complaints(tree: ast.Module) -> list[str]:
    """Calls of print."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        f"line {node.lineno}: print(); use logging"
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def broad_except_complaints(tree: ast.Module) -> list[str]:
    """Handlers that catch everything and do not raise it again."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "BaseException"
            broad = caught in {"Exception", "BaseException"}
            re_raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if broad and not re_raises:
                found.append(f"line {node.lineno}: catches {caught} and goes on")
    return found

"""Small changes to a module, each of which a test of that module should notice.

scripts/mutants.py chooses some and runs the mirrored tests on a copy of the project. Text is left
alone: messages, docstrings, annotations, `__repr__` and `__str__`, log lines, decorators.
"""

from __future__ import annotations

import ast
import copy
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "gluon_ssd"

# The modules that compute; a name is a path below the package.
NUMERIC_MODULES = """
detection/anchors detection/boxes detection/candidates detection/decoder detection/decoding
detection/matching detection/multibox_loss detection/suppression
evaluation/coco_map evaluation/detections evaluation/predict evaluation/voc_map
data/augment/color data/augment/crop data/augment/transforms data/loading/batch_plan
training/learning_rate training/loop training/meters training/optimizer deploy/agreement
deploy/ranges/entropy deploy/ranges/histogram
deploy/mxnet/passes/fold_batch_norm deploy/mxnet/passes/fold_constants
deploy/mxnet/passes/join_levels deploy/mxnet/passes/replace_decoder
models/class_heads models/first_weights report/timing
""".split()

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_PAIRS = (("min", "max"), ("minimum", "maximum"), ("argmin", "argmax"), ("any", "all"))
_NAMES = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}

_ZERO_ONE = {0: [1], 1: [0]}

_TEXT_FIELDS = ("annotation", "returns", "decorator_list")
_TEXT_FUNCTIONS = ("__repr__", "__str__")
_LOGGERS = ("_log", "log", "logging", "warnings")

# Exit codes of pytest.
_NO_TESTS = 5

_COPIED = ("*.py", "*.toml", "*.ini", PACKAGE, "scripts", "tests")


@dataclass(frozen=True)
class Mutant:
    """One changed module.

    Attributes:
        path: of the module, below the project's root.
        line: where the change is.
        kind: sort of syntax that is changed, such as Constant.
        change: what it is, as source text.
        source: the whole changed module.
    """

    path: str
    line: int
    kind: str
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.change}"


def module_path(module: str) -> str:
    """Path of a module below the root: "detection/boxes" -> "gluon_ssd/detection/boxes.py"."""
    return f"{PACKAGE}/{module}.py"


def mirrored_tests(module: str) -> list[str]:
    """Paths of a module's own tests below the root: test_boxes.py and any test_boxes_*.py."""
    folder, name = (ROOT / "tests" / module).parent, Path(module).name
    found = [*sorted(folder.glob(f"test_{name}_*.py")), *folder.glob(f"test_{name}.py")]
    return [path.relative_to(ROOT).as_posix() for path in found]


def choose(module: str, count: int, seed: int) -> list[Mutant]:
    """Up to `count` different mutants of a module, in the order of their lines.

    Kinds of change take turns, since a module has more constants than everything else together.
    """
    every = mutants(module_path(module), (ROOT / module_path(module)).read_text("utf-8"))
    random.Random(f"{seed} {module}").shuffle(every)
    turns: Counter[str] = Counter()
    places = []
    for mutant in every:
        places.append((turns[mutant.kind], len(places)))
        turns[mutant.kind] += 1
    first = sorted(zip(places, every, strict=True), key=lambda pair: pair[0])[:count]
    return sorted((mutant for _, mutant in first), key=lambda mutant: mutant.line)


def mutants(path: str, source: str) -> list[Mutant]:
    """Every mutant of a module, given by its path and its text."""
    tree = ast.parse(source, path)
    found = []
    for parent, field, place, changed in _edits(tree):
        original = _get(parent, field, place)
        _set(parent, field, place, changed)
        change = f"{ast.unparse(original)}  ->  {ast.unparse(changed)}"
        kind = type(changed if _is_negated(original, changed) else original).__name__
        found.append(Mutant(path, _line(original, parent), kind, change, ast.unparse(tree)))
        _set(parent, field, place, original)
    return found


def _is_negated(original: ast.AST, changed: ast.AST) -> bool:
    return isinstance(changed, ast.UnaryOp) and changed.operand is original


Edit = tuple[ast.AST, str, int | None, ast.AST]


def _edits(parent: ast.AST) -> Iterator[Edit]:
    """(node, field, place in the field's list, what to put there) of every mutant below a node."""
    for field, value in ast.iter_fields(parent):
        if field in _TEXT_FIELDS:
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            if not (_is_marker(parent, child) or _is_smaller_or_larger(parent, child)):
                yield from ((parent, field, place, changed) for changed in _variants(child))
            if (field == "test" and not isinstance(parent, ast.Assert)) or field == "ifs":
                yield parent, field, place, ast.UnaryOp(ast.Not(), child)
            yield from _edits(child)


def _is_text(node: ast.AST) -> bool:
    """Whether a node only makes messages."""
    if isinstance(node, ast.FunctionDef):
        return node.name in _TEXT_FUNCTIONS
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        owner = called.value if isinstance(called, ast.Attribute) else called
        return isinstance(owner, ast.Name) and owner.id in _LOGGERS
    return isinstance(node, (ast.Raise, ast.JoinedStr))


def _is_marker(parent: ast.AST, child: ast.AST) -> bool:
    """The 1 of -1: "the last", "none" or "as many as there are"; -1 as a whole is changed."""
    return (
        isinstance(parent, ast.UnaryOp)
        and isinstance(parent.op, ast.USub)
        and isinstance(child, ast.Constant)
    )


def _is_smaller_or_larger(parent: ast.AST, child: ast.AST) -> bool:
    """The test of `a if a < b else b`: where both are equal, either will do."""
    if not (isinstance(parent, ast.IfExp) and isinstance(child, ast.Compare)):
        return False
    compared = [child.left, *child.comparators]
    return {*map(ast.dump, compared)} == {ast.dump(parent.body), ast.dump(parent.orelse)}


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) | ast.AugAssign(op=operator):
            if type(operator) in _OPERATORS:
                yield _with(node, op=_OPERATORS[type(operator)]())
        case ast.Compare(ops=operators):
            for place, operator in enumerate(operators):
                if type(operator) in _OPERATORS:
                    swapped = [_OPERATORS[type(operator)]()]
                    yield _with(node, ops=[*operators[:place], *swapped, *operators[place + 1 :]])
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            for value in sorted({node.value + 1, node.value * 2, *_ZERO_ONE.get(node.value, [])}):
                if value != node.value:
                    yield ast.Constant(value)
        case ast.UnaryOp(op=ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Name(id=name) if name in _NAMES:
            yield _with(node, id=_NAMES[name])
        case ast.Attribute(attr=name) if name in _NAMES:
            yield _with(node, attr=_NAMES[name])
        case ast.Slice():
            for end in ("lower", "upper"):
                bound = getattr(node, end)
                if bound is None:
                    continue
                yield _with(node, **{end: None})
                if not isinstance(bound, ast.Constant):
                    yield _with(node, **{end: ast.BinOp(bound, ast.Add(), ast.Constant(1))})


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _get(parent: ast.AST, field: str, place: int | None) -> ast.AST:
    value = getattr(parent, field)
    return value if place is None else value[place]


def _set(parent: ast.AST, field: str, place: int | None, child: ast.AST) -> None:
    if place is None:
        setattr(parent, field, child)
    else:
        getattr(parent, field)[place] = child


def _line(node: ast.AST, parent: ast.AST) -> int:
    return getattr(node, "lineno", getattr(parent, "lineno", 0))


def copy_project(folder: Path) -> None:
    """Copy what the tests need into an empty folder."""
    for path in (path for pattern in _COPIED for path in ROOT.glob(pattern)):
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, folder / path.name, ignore=ignored)
        else:
            shutil.copy(path, folder)


def run_tests(project: Path, tests: list[str], caches: Path, limit_s: float) -> str:
    """Run some tests of a copy of the project, up to the first failure.

    Args:
        project: the copy.
        tests: paths of the files, below it.
        caches: folder for compiled code; emptied first, since a stale cache would hide a change.
        limit_s: after this many seconds the tests are stopped.

    Returns:
        "passed", "failed" or "timeout".

    Raises:
        RuntimeError: pytest found no tests.
    """
    shutil.rmtree(caches, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(caches)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    # Code 4 also means that conftest.py could not be imported, which a change can bring about.
    if code == _NO_TESTS or not all((project / test).is_file() for test in tests):
        raise RuntimeError(f"pytest found no test in {', '.join(tests)}")
    return "failed" if code else "passed"

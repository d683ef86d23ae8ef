"""The rules of tests/test_layout.py: functions from a parsed file to a list of complaints."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from tests.layout_table import (
    MAY_IMPORT,
    MAY_USE,
    MUST_NOT_IMPORT,
    OWN_SCRIPTS,
    OWN_UNITS,
    ROOT,
    TORCH_SCRIPTS,
    UNIT_OF,
)

PACKAGE = "gluon_ssd"

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
    """What the fuzzers, the kills, the soak and the trials are made of."""
    folders = ("scripts/fuzzing", "scripts/reliability", "scripts/trials")
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
        return "developer" if name_of(path).startswith(OWN_UNITS) else "entry"
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

"""Hundreds of damaged symbols are loaded in a child: each is read or refused, none ends it."""

from __future__ import annotations

import copy
import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from gluon_ssd.deploy.mxnet.symbol_check.table import OPERATORS
from gluon_ssd.system.processes import Child
from tests.conftest import ROOT
from tests.deploy.conftest import INPUT_HW

CASES = 150  # of each of two symbols
TIMEOUT_S = 120
MOST_BYTES = 6 * 2**30
CHILD = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({most},) * 2)
from gluon_ssd.deploy.mxnet.files import check_shapes, read_exported
from gluon_ssd.errors import SsdError
for prefix in json.loads(sys.argv[1]):
    try:
        check_shapes(read_exported(prefix), ({height}, {width}))
        said = "read"
    except SsdError as error:
        said = str(error)
    print(json.dumps(said), flush=True)
"""
TEXTS = """
0 -1 1 2 3 -4 7 1000 65536 2147483647 2147483648 -2147483648 4294967296 9223372036854775807 1e400
nan inf None True x () (0,0) (1,1) (-1,-1) (3,3) (1,) (4096,4096) (0,0,0) (-4,0,-1) (-4,-1,2) (-3,0)
(-2,) (2,2,2,2) float64 int32 int8 0x4141 1e-30 max same channel NHWC
""".split()
INDICES = [0, 1, 2, 3, -1, 10**9, 2**31, 2**64]
EVIL = ["_Native", "_NDArray", "Custom", "_foreach"]
KINDS = 8


def damaged(symbol: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The symbol with one to three changes."""
    symbol = copy.deepcopy(symbol)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        nodes = symbol["nodes"]
        node = rng.choice([each for each in nodes if each["op"] != "null"])
        if node.get("subgraphs") and rng.random() < 0.5:
            nodes = node["subgraphs"][0]["nodes"]
            node = rng.choice([each for each in nodes if each["op"] != "null"])
        change(symbol, nodes, node, rng)
    return symbol


def change(symbol: dict, nodes: list, node: dict, rng: random.Random) -> None:
    attrs, inputs = node.setdefault("attrs", {}), node["inputs"]
    known = sorted(OPERATORS[node["op"]].attributes) if node["op"] in OPERATORS else []
    indices = [*INDICES, len(nodes), rng.randrange(len(nodes))]
    kind = rng.randrange(KINDS)
    if kind == 0 and known:
        attrs[rng.choice(known)] = rng.choice(TEXTS)
    elif kind == 1 and attrs:
        attrs[rng.choice(sorted(attrs))] = rng.choice(TEXTS)
    elif kind == 2 and attrs:
        del attrs[rng.choice(sorted(attrs))]
    elif kind == 3:
        node["op"] = rng.choice([*OPERATORS, *EVIL])
    elif kind == 4 and inputs:
        rng.choice(inputs)[rng.randrange(2)] = rng.choice(indices)
    elif kind == 5 and inputs:
        number = rng.randrange(len(inputs))
        inputs[number : number + 1] = rng.choice([[], [inputs[number]] * 2])
    elif kind == 6:
        rng.choice(symbol["heads"])[rng.randrange(2)] = rng.choice(indices)
    else:
        other = rng.choice([each for each in nodes if each["op"] != "null"])
        node["op"], node["attrs"] = other["op"], dict(other.get("attrs", {}))


@pytest.mark.parametrize("fixture", ["zoo_prefix", "int8_prefix"])
def test_no_damaged_symbol_ends_the_process(fixture, request, tmp_path):
    source = request.getfixturevalue(fixture)
    symbol = json.loads(Path(f"{source}-symbol.json").read_text())
    shutil.copy(f"{source}-0000.params", tmp_path / "arrays")
    prefixes = [str(tmp_path / str(seed)) for seed in range(CASES)]
    for seed, prefix in enumerate(prefixes):
        Path(f"{prefix}-symbol.json").write_text(json.dumps(damaged(symbol, random.Random(seed))))
        Path(f"{prefix}-0000.params").symlink_to(tmp_path / "arrays")
    height, width = INPUT_HW
    code = CHILD.format(most=MOST_BYTES, height=height, width=width)
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as errors:
        command = [sys.executable, "-c", code, json.dumps(prefixes)]
        child = Child(command, cwd=ROOT, stdout=out, stderr=errors)
        try:
            ended = child.process.wait(timeout=TIMEOUT_S)
        finally:
            child.kill()
    said = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert (ended, len(said)) == (0, CASES), (tmp_path / "err").read_text()[-2000:]
    assert not [line for line in said if "\n" in line]
    read = said.count("read")
    assert CASES // 20 < read < CASES // 2

"""Symbols of unknown origin: sound ones of all sorts are read, hostile ones are one line."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import check_shapes, read_exported
from gluon_ssd.deploy.mxnet.graph import format_graph, parse_graph, to_symbol
from gluon_ssd.deploy.mxnet.symbol_check import check
from gluon_ssd.deploy.mxnet.symbol_check.check import read_graph
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.detector import Detector
from tests.deploy.conftest import INPUT_HW

QUICK = (
    "ssd_300_vgg16_atrous_voc",
    "ssd_512_resnet50_v1_coco",
    "ssd_512_mobilenet1.0_voc",
    "ssd_300_resnet34_v1b_coco",
    "retinanet_resnext50_32x4d_coco",
    "ssd300_resnet18_voc",
    "ssd_resnet34_bn_300_coco",
)
OTHERS = [
    name for name, spec in SPECS.items() if spec.classes and not spec.int8_of and name not in QUICK
]


def traced(name: str) -> str:
    """The whole detector as JSON of MXNet, without weights."""
    network = build_network(name)
    detector = Detector(network, network.spec.decoding)
    text: str = mx.sym.Group(list(detector(mx.sym.var("data")))).tojson()
    return text


def assert_reads(text: str) -> None:
    """The graph is what MXNet itself reads from the file."""
    graph = read_graph(text, "m-symbol.json")
    before, after = parse_graph(text), parse_graph(format_graph(graph))
    shown = [
        [
            (node.op, node.name, [(source.name, index) for source, index in node.inputs])
            for node in each.nodes()
        ]
        for each in (before, after)
    ]
    assert shown[0] == shown[1]
    assert to_symbol(graph).list_outputs() == mx.sym.load_json(text).list_outputs()


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in QUICK if not SPECS[name].int8_of),
        *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS if not SPECS[name].int8_of),
    ],
)
def test_networks_of_the_catalog_are_read(name):
    assert_reads(traced(name))


@pytest.mark.parametrize("fixture", ["zoo_prefix", "plain_zoo_prefix", "int8_prefix"])
def test_exports_of_gluoncv_are_read(fixture, request):
    prefix = request.getfixturevalue(fixture)
    assert_reads(Path(f"{prefix}-symbol.json").read_text())
    check_shapes(read_exported(prefix), INPUT_HW)


def test_what_onednn_fuses_is_read(zoo_prefix):
    symbol = mx.sym.load(f"{zoo_prefix}-symbol.json").get_backend_symbol("MKLDNN")
    assert_reads(symbol.tojson())


def test_symbols_of_other_tools_and_versions_are_read(shared_dir):
    found = sorted(shared_dir.glob("other-mxnet/**/*-symbol.json"))
    found += sorted(shared_dir.glob("weights/*-symbol.json"))
    if not found:
        pytest.skip(f"there are no symbols in {shared_dir}")
    for path in found:
        assert_reads(path.read_text())


@pytest.fixture(scope="module")
def folder(int8_prefix, zoo_prefix, tmp_path_factory) -> Path:
    """Two sound pairs, whose symbols the tests change."""
    folder = tmp_path_factory.mktemp("pairs")
    for name, prefix in (("float", zoo_prefix), ("int8", int8_prefix)):
        for end in ("-symbol.json", "-0000.params"):
            shutil.copy(prefix + end, folder / (name + end))
    return folder


def first(symbol: dict, op: str) -> dict:
    return next(node for node in symbol["nodes"] if node["op"] == op)


def put(symbol: dict, op: str, **attrs: str) -> None:
    """A further node of that operator becomes the first output."""
    symbol["nodes"].append({"op": op, "name": "evil", "attrs": attrs, "inputs": []})
    symbol["heads"][0] = [len(symbol["nodes"]) - 1, 0, 0]


def set_attribute(op: str, **attrs: str):
    return lambda symbol: first(symbol, op)["attrs"].update(attrs)


def fill(symbol: dict, **fields: object) -> None:
    symbol["nodes"][0].update(fields)


def with_conv(change):
    """A change of the subgraph of the first fused operator."""
    return lambda symbol: change(first(symbol, "_sg_mkldnn_conv"))


NOT_ALLOWED = "is not allowed, since it is none that detectors are made of"
ADDRESS = "0x414141414141"
HOSTILE = {
    "native": (lambda s: put(s, "_Native", info=ADDRESS), rf"evil \(_Native\): .*{NOT_ALLOWED}"),
    "ndarray": (lambda s: put(s, "_NDArray", info=ADDRESS), rf"_NDArray\): .*{NOT_ALLOWED}"),
    "custom": (lambda s: put(s, "Custom", op_type="x"), rf"Custom\): .*{NOT_ALLOWED}"),
    "foreach": (lambda s: put(s, "_foreach"), rf"_foreach\): .*{NOT_ALLOWED}"),
    "made up": (lambda s: put(s, "evil\nline"), "has no name or operator of printable letters"),
    "far output": (
        lambda s: s["heads"][0].__setitem__(1, 10**9),
        r"an output of the symbol is output 1000000000 of \S+, which has 1",
    ),
    "output below 0": (lambda s: s["heads"][0].__setitem__(1, -1), "is output -1 of"),
    "node below 0": (lambda s: s["heads"][0].__setitem__(0, -1), "is of node -1, which does not"),
    "far input": (
        lambda s: first(s, "Convolution")["inputs"][0].__setitem__(1, 2**40),
        "an input is output 1099511627776 of data",
    ),
    "circle": (
        lambda s: first(s, "Convolution")["inputs"][0].__setitem__(0, 10),
        "an input is of node 10, which does not come before it",
    ),
    "true for 1": (
        lambda s: first(s, "Convolution")["inputs"][0].__setitem__(0, True),
        "an input is of node True",
    ),
    "no group": (
        set_attribute("Convolution", num_group="0"),
        "num_group must be a whole number from 1 to 1048576, got 0",
    ),
    "padding below 0": (set_attribute("Convolution", pad="(-5, -5)"), r"got \(-5, -5\)"),
    "huge kernel": (set_attribute("Convolution", kernel="(99999, 3)"), "kernel must be"),
    "line break": (set_attribute("Convolution", pad="(1,\n1)"), r"got '\(1,\\n1\)'"),
    "long text": (set_attribute("Convolution", pad="1" * 20_000), "pad is no text, or too long"),
    "odd attribute": (
        set_attribute("Convolution", library="evil.so"),
        "it has the attribute library, which is not known for it",
    ),
    "missing input": (
        lambda s: first(s, "BatchNorm")["inputs"].pop(),
        "it has 4 inputs, needed are 5",
    ),
    "too many inputs": (
        lambda s: first(s, "BatchNorm")["inputs"].append([0, 0, 0]),
        "it has 6 inputs, needed are 5",
    ),
    "two of one name": (
        lambda s: s["nodes"][1].update(name=s["nodes"][0]["name"]),
        "two variables are called data",
    ),
    "variable of shape": (
        lambda s: fill(s, attrs={"__shape__": f"({2**62},)"}),
        "__shape__ must be a tuple of at most 8",
    ),
    "variable of type": (lambda s: fill(s, attrs={"__dtype__": "99"}), "__dtype__ must be"),
    "variable with inputs": (
        lambda s: s["nodes"][1].update(inputs=[[0, 0, 0]]),
        "a variable must not have inputs or subgraphs",
    ),
    "waiting": (
        lambda s: first(s, "Convolution").update(control_deps=[10**9]),
        "control_deps",
    ),
    "old key": (
        lambda s: first(s, "Convolution").update(attr={"library": "evil.so"}),
        "it has the attribute library",
    ),
    "oldest key": (
        lambda s: first(s, "Convolution").update(param={"num_group": "0"}, attrs=None),
        "num_group must be",
    ),
    "no text": (lambda s: fill(s, attrs={"__shape__": [1]}), "__shape__ is no text"),
    "subgraph of another": (
        lambda s: first(s, "Convolution").update(subgraphs=[{"nodes": [], "heads": []}]),
        "it must not have subgraphs",
    ),
    "no name": (lambda s: fill(s, name=""), "node 0 has no name"),
    "name of lines": (lambda s: fill(s, name="data\nerror: x"), "node 0 has no name"),
    "no node": (lambda s: s.update(nodes=[]), "an output of the symbol is of node"),
    "a number": (lambda s: s["nodes"].__setitem__(0, 5), "node 0 is not a JSON object"),
    "no heads": (lambda s: s.update(heads=[]), "it has 0 outputs"),
    "no list": (lambda s: s.update(nodes={}), "it has no list of nodes"),
    "attributes": (lambda s: s.update(attrs=[1]), "its attributes are not a JSON object"),
}
HOSTILE_INT8 = {
    "no subgraph": (with_conv(lambda n: n.update(subgraphs=[])), "it must have one subgraph"),
    "dense without subgraph": (
        with_conv(lambda n: n.update(op="_sg_mkldnn_fully_connected", subgraphs=[], attrs={})),
        "it must have one subgraph",
    ),
    "group in subgraph": (
        with_conv(lambda n: first(n["subgraphs"][0], "Convolution")["attrs"].update(num_group="0")),
        "num_group must be",
    ),
    "native in subgraph": (
        with_conv(lambda n: first(n["subgraphs"][0], "Convolution").update(op="_Native")),
        NOT_ALLOWED,
    ),
    "subgraph in subgraph": (
        with_conv(
            lambda n: first(n["subgraphs"][0], "Convolution").update(
                op="_sg_mkldnn_conv", subgraphs=copy.deepcopy(n["subgraphs"])
            )
        ),
        NOT_ALLOWED,
    ),
    "index in subgraph": (
        with_conv(lambda n: n["subgraphs"][0]["heads"][0].__setitem__(1, 10**9)),
        "an output of the symbol is output 1000000000",
    ),
    "flag": (with_conv(lambda n: n["attrs"].update(with_sum="true")), "with_sum must be False"),
    "ranges": (with_conv(lambda n: n["inputs"].pop()), "inputs, needed are"),
}
CASES = [("float", name) for name in HOSTILE] + [("int8", name) for name in HOSTILE_INT8]


@pytest.mark.parametrize(("base", "name"), CASES)
def test_hostile_symbols_are_one_line(folder, tmp_path, base, name):
    change, said = (HOSTILE if base == "float" else HOSTILE_INT8)[name]
    symbol = json.loads((folder / f"{base}-symbol.json").read_text())
    change(symbol)
    (tmp_path / "m-symbol.json").write_text(json.dumps(symbol))
    (tmp_path / "m-0000.params").symlink_to(folder / f"{base}-0000.params")
    with pytest.raises(ModelError, match=said) as error:
        read_exported(str(tmp_path / "m"))
    message = str(error.value)
    assert message.startswith(f"{tmp_path}/m-symbol.json is not a valid MXNet symbol: ")
    assert message.endswith("export it anew") and "\n" not in message and len(message) < 600


@pytest.mark.parametrize("text", ["", "[]", "7", '{"nodes": [', "[" * 100_000, '{"nodes": "x"}'])
def test_what_is_no_symbol_is_one_line(text):
    with pytest.raises(ModelError, match=r"^m-symbol.json is not |^m-symbol.json is nested"):
        read_graph(text, "m-symbol.json")


def test_a_symbol_of_too_many_nodes_is_refused(monkeypatch):
    monkeypatch.setattr(check, "MOST_NODES", 1)
    with pytest.raises(ModelError, match="it has 2 nodes, allowed are 1"):
        read_graph((mx.sym.var("x") * 2).tojson(), "m")


def test_a_symbol_file_that_is_too_long_or_a_pipe_is_not_read(folder, tmp_path):
    for end in ("-symbol.json", "-0000.params"):
        (tmp_path / f"m{end}").symlink_to(folder / f"float{end}")
    (tmp_path / "m-symbol.json").unlink()
    with open(tmp_path / "m-symbol.json", "wb") as file:
        file.truncate(check.MOST_BYTES + 1)
    with pytest.raises(ModelError, match="cannot read .*: it has 67108865 bytes, allowed are"):
        read_exported(str(tmp_path / "m"))


def test_only_what_is_needed_goes_on():
    symbol = json.loads((mx.sym.var("x", init="zeros", lr_mult=2.0) * 2).tojson())
    symbol["nodes"][0]["attrs"]["__ctx_group__"] = "evil"
    symbol["nodes"][1] |= {"attr": {"weight_lr_mult": "3"}, "backward_source_id": -1}
    symbol["attrs"] |= {"gluon_ssd_x": ["str", "{}"], "evil": ["dict", {}]}
    graph = read_graph(json.dumps(symbol | {"evil": 1}), "m")
    assert [node.attrs.keys() for node in graph.nodes()] == [{"__lr_mult__"}, {"scalar"}]
    assert all(not node.extra for node in graph.nodes())
    assert graph.extra == {"attrs": {"mxnet_version": ["int", 10901], "gluon_ssd_x": ["str", "{}"]}}


def test_an_attribute_that_a_rule_needs_is_asked_for():
    padded = mx.sym.Pad(mx.sym.var("x"), mode="edge", pad_width=(0, 0, 0, 0, 1, 1, 1, 1))
    symbol = json.loads(padded.tojson())
    del first(symbol, "Pad")["attrs"]["pad_width"]
    with pytest.raises(ModelError, match="the attribute pad_width is missing"):
        read_graph(json.dumps(symbol), "m")


def test_numbers_of_python_2_are_today_s():
    symbol = json.loads(mx.sym.Pooling(mx.sym.var("x"), kernel=(2, 2), name="p").tojson())
    first(symbol, "Pooling")["attrs"]["kernel"] = "(2L, 2L)"
    assert read_graph(json.dumps(symbol), "m").heads[0][0].numbers("kernel", ()) == (2, 2)

"""Things of which the package has one definition: a text search finds them in one file."""

from __future__ import annotations

import re

import pytest

from tests.layout_rules import entry_scripts, modules, name_of

PLACES = {
    "starting a child process": (
        r"\bPopen\(|\bsubprocess\.(run|call|check_call|check_output|getoutput)\b|\bos\.(fork|spawn\w*"
        r"|system|popen|posix_spawnp?)\(|\bmultiprocessing\.(Process|Pool|get_context)\b",
        "gluon_ssd/system/processes.py",
    ),
    "how a child knows its parent": (r"GLUON_SSD_PARENT", "gluon_ssd/system/processes.py"),
    "free memory": (
        r"MemAvailable|MemFree|SC_AVPHYS_PAGES|virtual_memory|cgroup.*memory|memory\.max",
        "gluon_ssd/system/memory.py",
    ),
    "most memory held": (r"VmHWM|ru_maxrss", "gluon_ssd/system/memory.py"),
    "flags of the CPU": (r"cpuinfo", "gluon_ssd/system/cpu.py"),
    "whether the CPU multiplies bfloat16": (
        r"[\"']a(vx512|mx)_bf16[\"']",
        "gluon_ssd/system/cpu.py",
    ),
    "how a zip archive starts": (r"PK\\x03", "gluon_ssd/system/files.py"),
    "the package's logger": (r"PACKAGE_LOGGER =", "gluon_ssd/system/log.py"),
    "parameters by structural name": (
        r"_collect_params_with_prefix",
        "gluon_ssd/models/first_weights.py",
    ),
    "the CPU's share of a container": (r"cpu\.max|cfs_quota", "gluon_ssd/system/cpu.py"),
    "defaults of suppression": (
        r"nms_thresh\b[^\n]*= *0\.\d|nms_topk\b[^\n]*= *\d{3}|post_nms\b[^\n]*= *\d{3}|\(0\.45,",
        "gluon_ssd/detection/decoding.py",
    ),
    "stds of coded boxes": (r"0\.1, 0\.1, 0\.2, 0\.2", "gluon_ssd/detection/decoding.py"),
    "mean and deviation of images": (
        r"0\.485|0\.456|0\.229|123\.68|58\.39",
        "gluon_ssd/detection/normalization.py",
    ),
    "images that entropy calibration needs": (
        r"ENTROPY_IMAGES\b *(:\s*int)? *=|KL_IMAGES\b *=",
        "gluon_ssd/deploy/int8_modes.py",
    ),
    "default handlers of crashes": (r"SIG_DFL", "gluon_ssd/system/processes.py"),
}

# What a family may say otherwise in its own specs.
OF_SPECS = {"defaults of suppression"}


@pytest.mark.parametrize("what", PLACES)
def test_there_is_one_definition_of(what: str):
    pattern, place = PLACES[what]
    files = [*modules(), *entry_scripts()]
    if what in OF_SPECS:
        files = [path for path in files if path.name != "spec.py"]
    found = [name_of(path) for path in files if re.search(pattern, path.read_text("utf-8"))]
    assert found == [place]


# File -> why it may give MXNet a symbol as text or file.
GIVE_SYMBOLS = {
    "gluon_ssd/deploy/mxnet/graph.py": "graphs of symbol_check, or of MXNet's own making",
    "gluon_ssd/training/precision/padding.py": "a network in memory",
}
# File -> why it reads symbol JSON of unknown origin; all others read what MXNet has made.
READ_SYMBOLS = {
    "gluon_ssd/deploy/mxnet/files.py": "exported pairs",
    "gluon_ssd/deploy/mxnet/int8/shipped_graphs.py": "graphs that GluonCV brings",
    "gluon_ssd/deploy/mxnet/symbol_check/check.py": "the check itself",
}


def found_in(pattern: str) -> set[str]:
    files = [*modules(), *entry_scripts()]
    return {name_of(path) for path in files if re.search(pattern, path.read_text("utf-8"))}


def test_mxnet_reads_no_symbol_that_was_not_checked():
    loads = r"\b(sym|symbol)\.(load|load_json|fromjson)\(|\bSymbolBlock\.imports\("
    loads += r"|\bmodel\.load_checkpoint\(|\bModule\.load\(|\bMXSymbolCreateFrom"
    assert found_in(loads) == GIVE_SYMBOLS.keys()


def test_symbols_of_unknown_origin_are_read_by_the_check():
    assert found_in(r"\bread_graph\(") == READ_SYMBOLS.keys()
    text = "".join(path.read_text("utf-8") for path in modules())
    read = re.findall(r"(?<!def )\bparse_graph\(.*", text)
    assert read and all(".tojson(" in line for line in read)

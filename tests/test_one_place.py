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

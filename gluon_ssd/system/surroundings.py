"""What a result was computed with: the code's commit, packages, processor, GPUs, threads."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from subprocess import PIPE
from typing import Any

from gluon_ssd.system.cpu import cpu_name
from gluon_ssd.system.processes import Child
from gluon_ssd.system.threads import compute_threads, physical_cores

ROOT = Path(__file__).resolve().parents[2]
_GIT_SECONDS = 5
_GPUS = Path("/proc/driver/nvidia/gpus")


def commit_of(root: Path = ROOT) -> dict[str, Any] | None:
    """The commit that a checkout stands on, and whether its tracked files were changed since.

    None where the folder is no checkout, as of an installed package, or git cannot tell.
    """
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        changed = bool(_git(root, "status", "--porcelain", "--untracked-files=no").strip())
    except OSError:  # ChildProcessError is one
        return None
    return {"commit": commit, "changed": changed}


def _git(root: Path, *arguments: str) -> str:
    # Without the locks that would get into the way of a person's git at the same time.
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    return Child(command, stdout=PIPE, stderr=PIPE).output(_GIT_SECONDS)


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Python and the installed ones of some distributions, by name."""
    versions = {"python": platform.python_version()}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def gpu_names(folder: Path = _GPUS) -> list[str]:
    """Models of the NVIDIA GPUs that the driver lists; empty without a driver."""
    names = []
    for file in sorted(folder.glob("*/information")):
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        names.append(facts.get("Model", "unknown").strip())
    return names


def machine_facts(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The machine as JSON: system, processor, cores, processors of this process, threads, GPUs."""
    return {
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": physical_cores(),
        "processors": len(os.sched_getaffinity(0)),
        "compute_threads": compute_threads(dict(environment)),
        "gpus": gpu_names(),
    }

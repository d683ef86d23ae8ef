"""Is everything installed, and does it run? Whatever may crash is tried in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict
from gluon_ssd.system.processes import Child

ROOT = Path(__file__).resolve().parents[2]
SETUP = "bash scripts/setup.sh"

# What scripts/setup.sh --gpu installs in place of mxnet.
CUDA_BUILD = "mxnet-cu112"

# Debian's packages of system libraries that MXNet's wheels do not bring.
SYSTEM_LIBRARIES = {"libgomp.so.1": "libgomp1", "libquadmath.so.0": "libquadmath0"}

# Extra -> the distributions that make it up, the one that gives it its version first.
EXTRAS = {
    "dali": ("nvidia-dali-cuda120",),
    "horovod": ("horovod",),
    "tune": ("neural-compressor",),
    "mllog": ("mlperf-logging",),
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("openvino", "nncf"),
    "loadgen": ("mlcommons-loadgen",),
    "ray": ("ray", "pyarrow"),
    "supervision": ("supervision",),
    "serve": ("fastapi", "uvicorn", "httptools", "prometheus-client"),
    "tensorboard": ("tensorboardX",),
}

_PROBE_SECONDS = 60

_WATCH = """
from gluon_ssd.system.processes import end_with_parent
end_with_parent()
"""

_PROBES = {
    # The GPU sum tells what no list of architectures does: whether this wheel has code for it.
    "mxnet": """
import json, warnings
warnings.simplefilter("ignore")
from gluon_ssd.compat import mx
features = mx.runtime.Features()
found = {"version": mx.__version__, "gpus": []}
found["features"] = sorted(name for name in features if features.is_enabled(name))
if "CUDA" in found["features"]:
    for index in range(mx.context.num_gpus()):
        try:
            total = int((mx.nd.ones((4,), ctx=mx.gpu(index)) * 2).sum().asscalar())
        except mx.MXNetError as error:
            total = str(error).strip().splitlines()[0]
        found["gpus"].append(total)
total = mx.nd.Convolution(mx.nd.ones((1, 1, 4, 4)), mx.nd.ones((1, 1, 3, 3)), kernel=(3, 3),
                          num_filter=1, no_bias=True).sum().asscalar()
found["convolution"] = float(total)
import gluoncv.model_zoo
print(json.dumps(found))
""",
    "cv2": """
import json, re, cv2
gui = re.search(r"GUI:\\s*(\\S+)", cv2.getBuildInformation())
print(json.dumps({"version": cv2.__version__, "gui": gui.group(1) if gui else "NONE"}))
""",
    "pycocotools": """
import json, pycocotools.mask
print(json.dumps({}))
""",
    "numba": """
import json, numba
print(json.dumps({"sum": numba.njit("int64(int64)")(lambda number: number + 1)(41)}))
""",
}


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, None if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


class Probe:
    """A piece of Python under way in its own process."""

    def __init__(self, code: str) -> None:
        command = [sys.executable, "-c", _WATCH + code]
        self._child = Child(command, cwd=ROOT, stdout=PIPE, stderr=PIPE)

    def result(self) -> tuple[dict[str, Any] | None, str]:
        """What it printed as JSON, or None and the reason in one line."""
        try:
            return json.loads(self._child.output(_PROBE_SECONDS).splitlines()[-1]), ""
        except ChildProcessError as error:
            return None, str(error)


def check_platform() -> Verdict:
    """The system and processor that MXNet is published for."""
    name = f"{platform.system()} {platform.machine()}"
    if name == "Linux x86_64":
        return Verdict(OK, "platform", name)
    return Verdict(FAIL, "platform", f"{name}; MXNet 1.9.1 is published for Linux x86_64 alone")


def check_python() -> Verdict:
    """The Python that runs this, and whether it is the project's own."""
    version = platform.python_version()
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        return Verdict(FAIL, "Python", f"{version}; 3.11 or 3.12 is needed, {SETUP} looks for one")
    own = ROOT / ".venv"
    if own.exists() and Path(sys.prefix).resolve() != own.resolve():
        text = f"{version}, but not the one in .venv; run: .venv/bin/python scripts/doctor.py"
        return Verdict(NOTE, "Python", text)
    return Verdict(OK, "Python", version)


def locked_versions(lock: Path) -> dict[str, str]:
    """Distribution -> version in a lock file, less those meant for another Python."""
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError:
        return {}
    found = {}
    pattern = r"^([\w.-]+)==([^ ;]+)(?: ; python_full_version >= '3\.(\d+)')?"
    for name, version, minor in re.findall(pattern, text, re.MULTILINE):
        if not minor or sys.version_info >= (3, int(minor)):
            found[name] = version
    return found


def check_packages(*locks: Path) -> Verdict:
    """What is installed against lock files."""
    locked = {name: version for lock in locks for name, version in locked_versions(lock).items()}
    if CUDA_BUILD in locked:
        locked.pop("mxnet", None)
    installed = {name: version_of(name) for name in locked}
    missing = [name for name, version in installed.items() if version is None]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        text = f"{len(missing)} of {len(locked)} missing ({shown}); run: {SETUP}"
        return Verdict(FAIL, "packages", text)
    other = [f"{name} {installed[name]}" for name in locked if installed[name] != locked[name]]
    if other:
        text = f"other versions than tested: {', '.join(other)}; {SETUP} in a new .venv brings them"
        return Verdict(NOTE, "packages", text)
    return Verdict(OK, "packages", f"all {len(locked)} at the locked versions")


def _why_mxnet_fails(reason: str) -> str:
    for library, package in SYSTEM_LIBRARIES.items():
        if library in reason:
            return f"needs the system library {library}; Debian, Ubuntu: apt-get install {package}"
    _, of_cuda_build, rest = reason.partition("MXNet's CUDA build ")
    if of_cuda_build:
        return f"the CUDA build {rest}"
    if version_of("mxnet") is None and version_of(CUDA_BUILD) is None:
        return f"not installed; run: {SETUP}"
    return f"does not import with GluonCV ({reason}); remove .venv and run: {SETUP}"


def check_builds() -> list[Verdict]:
    """Two builds of MXNet beside each other; nothing where there is one."""
    if version_of("mxnet") is None or version_of(CUDA_BUILD) is None:
        return []
    text = f"mxnet and {CUDA_BUILD} lie in one folder and overwrite each other; remove .venv and"
    return [Verdict(FAIL, "MXNet builds", f"{text} run: {SETUP}, or {SETUP} --gpu")]


def check_mxnet(found: dict[str, Any] | None, reason: str) -> list[Verdict]:
    """What the probe of MXNet found, or the reason why it found nothing."""
    if found is None:
        return [Verdict(FAIL, "MXNet", _why_mxnet_fails(reason))]
    build = "CUDA build" if "CUDA" in found["features"] else "CPU build"
    verdicts = [Verdict(OK, "MXNet", f"{found['version']}, {build}, with GluonCV")]
    features = ", ".join(name for name in found["features"] if not name.startswith("CPU_SSE"))
    if {"MKLDNN", "ONEDNN"} & set(found["features"]):
        verdicts.append(Verdict(OK, "MXNet features", features))
    else:
        text = f"{features}; built without oneDNN: int8 models do not run, fp32 ones are slow"
        verdicts.append(Verdict(FAIL, "MXNet features", text))
    if found["convolution"] != 36.0:
        text = f"a 3x3 convolution of ones summed to {found['convolution']}, it should be 36"
        verdicts.append(Verdict(FAIL, "MXNet arithmetic", text))
    return verdicts


def _check_opencv(found: dict[str, Any] | None, reason: str) -> Verdict:
    packages = [
        f"opencv-{flavour}python{suffix}"
        for flavour in ("", "contrib-")
        for suffix in ("", "-headless")
    ]
    installed = [name for name in packages if version_of(name)]
    if found is None:
        advice = f"remove .venv and run: {SETUP}" if installed else f"run: {SETUP}"
        return Verdict(FAIL, "OpenCV", f"does not import ({reason}); {advice}")
    if len(installed) > 1:
        text = f"{found['version']}, but {' and '.join(installed)} overwrite each other"
        return Verdict(NOTE, "OpenCV", f"{text}; remove .venv and run: {SETUP}")
    if found["gui"] != "NONE":
        text = (
            f"{found['version']} with {found['gui']} windows, which needs libGL; headless will do"
        )
        return Verdict(NOTE, "OpenCV", text)
    return Verdict(OK, "OpenCV", f"{found['version']}, headless")


def _check_pycocotools(found: dict[str, Any] | None, reason: str) -> Verdict:
    if found is None:
        return Verdict(FAIL, "pycocotools", f"{reason}; COCO evaluation needs it; run: {SETUP}")
    return Verdict(OK, "pycocotools", version_of("pycocotools") or "installed")


def check_numba(found: dict[str, Any] | None, reason: str) -> Verdict:
    """What the probe of numba found, or the reason why it found nothing."""
    if found is None or found["sum"] != 42:
        why = reason or "a compiled loop gives wrong answers"
        text = f"{why}; deployed models suppress overlapping boxes with it; run: {SETUP}"
        return Verdict(FAIL, "numba", text)
    return Verdict(OK, "numba", f"{version_of('numba')}, compiles")


def check_extra(extra: str) -> Verdict:
    """One optional part: its versions, or the command that installs it."""
    versions = {name: version_of(name) for name in EXTRAS[extra]}
    if all(versions.values()):
        text = ", ".join(f"{name} {version}" for name, version in versions.items())
        return Verdict(OK, f"extra {extra}", text)
    return Verdict(NOTE, f"extra {extra}", f"not installed; {SETUP} --extras {extra}")


def start_probes() -> dict[str, Probe]:
    """Begin to import the large packages, each in its own process."""
    return {name: Probe(code) for name, code in _PROBES.items()}


def examine(probes: dict[str, Probe]) -> tuple[list[Verdict], dict[str, Any] | None]:
    """The verdicts on what `scripts/setup.sh` installs, and what the probe of MXNet found."""
    mxnet, reason = probes["mxnet"].result()
    parts = ("base", "gpu") if version_of(CUDA_BUILD) else ("base",)
    verdicts = [
        check_packages(*(ROOT / "requirements" / f"{part}.lock" for part in parts)),
        *check_builds(),
        *check_mxnet(mxnet, reason),
        _check_opencv(*probes["cv2"].result()),
        _check_pycocotools(*probes["pycocotools"].result()),
        check_numba(*probes["numba"].result()),
    ]
    return verdicts, mxnet

"""The table of runtimes, and how the files of a detector find theirs.

A runtime lives in a folder beside this file: a class of `runtime_model.RuntimeModel` and a function
that loads one; an entry of `RUNTIMES` makes it known. No framework is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.deploy.mxnet.devices import check_dtype, usable_devices
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.told import NOTHING, Told
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.system.cpu import cpu_flags, cpu_name, has_bfloat16
from gluon_ssd.system.threads import use_compute_threads


def _cpu_alone(gpu_ids: Sequence[int], asked: str) -> list[str]:
    if gpu_ids:
        raise OptionError(f"{asked}: the model runs on the CPU alone; ask for no GPU")
    return ["cpu"]


@dataclass(frozen=True)
class Runtime:
    """One way to run detectors.

    Attributes:
        recognises: whether the files of a prefix are for this runtime.
        load: reads them; arguments and errors as of `load_detector`, but for the backend. Numbers
            of threads and streams are 0 where the runtime decides.
        devices: (numbers of GPUs, what asked for them) -> "cpu", or "gpu:" and number of each.
            Raises OptionError for one that is not there.
        check_dtype: (type, device, what asked for it); raises EnvironmentProblem when the device
            does not compute in the type. Without it `RuntimeModel.in_precision` alone refuses.
        takes_told: whether `load` takes what the user says of files, as `told`: some of its files
            say next to nothing.
    """

    recognises: Callable[[str], bool]
    load: Callable[..., RuntimeModel]
    devices: Callable[[Sequence[int], str], Sequence[str]] = _cpu_alone
    check_dtype: Callable[[str, str, str], None] = lambda dtype, device, asked: None
    takes_told: bool = False


def _load_with_mxnet(
    prefix: str,
    *,
    told: Told,
    input_size_hw: tuple[int, int] | None,
    threads: int,
    streams: int,
    **options: Any,
) -> RuntimeModel:
    use_compute_threads(threads)
    with _package("MXNet"):
        from gluon_ssd.deploy.mxnet.model import deploy
        from gluon_ssd.deploy.mxnet.read import read_detector

    exported = read_detector(prefix, told=told, input_size_hw=input_size_hw)
    size_hw = input_size_hw or told.usual_size_hw
    model = deploy(exported, input_size_hw=size_hw, **options)
    return model.with_streams(max(1, streams))


def _load_with_onnxruntime(path: str, **options: Any) -> RuntimeModel:
    with _package("ONNX Runtime", "onnx"):
        from gluon_ssd.deploy.onnx.model import load_onnx

    return load_onnx(_file(path, (".onnx",)), **options)


def _load_with_openvino(path: str, **options: Any) -> RuntimeModel:
    with _package("OpenVINO", "openvino"):
        from gluon_ssd.deploy.openvino.model import load_openvino

    return load_openvino(_file(path, (".xml", ".onnx")), **options)


@contextmanager
def _package(name: str, extra: str = "") -> Iterator[None]:
    """Turn a package that cannot be imported into one line that says how to install it."""
    try:
        yield
    except ImportError as error:
        raise EnvironmentProblem(
            f"{name} cannot be loaded here ({error}); install it with: "
            f"bash scripts/setup.sh{extra and f' --extras {extra}'}"
        ) from error


def _check_dtype_of_openvino(dtype: str, device: str, asked: str) -> None:
    if dtype == "float16":
        raise EnvironmentProblem(
            f"{asked}: OpenVINO computes in float32 or bfloat16 on a CPU; take one of them"
        )
    if dtype == "bfloat16" and not has_bfloat16(cpu_flags()):
        raise EnvironmentProblem(
            f"{asked} needs a CPU with AVX512_BF16 or AMX-BF16; "
            f"{cpu_name()} has neither: take float32"
        )


def _check_dtype_of_onnxruntime(dtype: str, device: str, asked: str) -> None:
    if dtype != "float32":
        raise EnvironmentProblem(
            f"{asked}: ONNX Runtime computes in float32 on a CPU, or in int8 where the file does; "
            "for bfloat16 take OpenVINO or MXNet"
        )


def _file(path: str, endings: Sequence[str]) -> str:
    """The file that a path means, whose ending may be left out."""
    if path.endswith(tuple(endings)) or (Path(path).is_file() and not path.endswith(".bin")):
        return path
    start = path.removesuffix(".bin")
    there = [start + ending for ending in endings if Path(start + ending).is_file()]
    return (there or [start + endings[0]])[0]


def _is_file_of(ending: str) -> Callable[[str], bool]:
    def recognises(path: str) -> bool:
        if path.endswith(ending) or Path(f"{path}-symbol.json").is_file():
            return path.endswith(ending)
        file = _file(path, (ending,))
        return file.endswith(ending) and Path(file).is_file()

    return recognises


RUNTIMES: dict[str, Runtime] = {
    # Takes all files that no runtime below recognises, and says what is wrong with them.
    "mxnet": Runtime(
        recognises=lambda prefix: True,
        load=_load_with_mxnet,
        devices=usable_devices,
        check_dtype=check_dtype,
        takes_told=True,
    ),
    # Of ONNX files OpenVINO is the other reader; where nobody asks for it they are ONNX Runtime's.
    "onnxruntime": Runtime(
        recognises=_is_file_of(".onnx"),
        load=_load_with_onnxruntime,
        check_dtype=_check_dtype_of_onnxruntime,
    ),
    "openvino": Runtime(
        recognises=_is_file_of(".xml"),
        load=_load_with_openvino,
        check_dtype=_check_dtype_of_openvino,
    ),
}
"""Every runtime by name. The last one that recognises the files of a prefix is used: the first
entry takes any files, and a later one recognises its own files alone."""


def find_runtime(prefix: str, backend: str = "") -> Runtime:
    """The runtime of a name, or without one the last of `RUNTIMES` that recognises the files.

    Raises:
        OptionError: there is no runtime of that name.
    """
    if not backend:
        return [each for each in RUNTIMES.values() if each.recognises(prefix)][-1]
    if backend not in RUNTIMES:
        raise OptionError(f"the backend must be one of {', '.join(RUNTIMES)}; got {backend!r}")
    return RUNTIMES[backend]


def load_detector(
    path: str,
    *,
    input_size_hw: tuple[int, int] | None = None,
    device: str = "cpu",
    fuse: bool = True,
    backend: str = "",
    threads: int = 0,
    streams: int = 0,
    told: Told = NOTHING,
) -> RuntimeModel:
    """Load a detector from files.

    Args:
        path: of an .onnx or .xml file, its ending may be left out; what the names of an exported
            MXNet pair start with, or a folder or archive with one; or of a .params file of training
            with its .json beside it.
        input_size_hw: height and width of the images, px, for files that do not carry them.
        device: "cpu", or "gpu:" and a number.
        fuse: prepare the model for speed, which may change the last bits.
        backend: name of the runtime; without it the files decide, see `find_runtime`.
        threads: that compute; 0 for OMP_NUM_THREADS, or else one on each core.
        streams: batches that are computed beside one another when as many threads call `run`; they
            share the threads. 0 for one.
        told: what the user says of files that do not say it.

    Raises:
        ModelError, WeightsError: one line about the file that cannot be used; or the model takes
            other input than the pre-processing makes.
        DataError: an archive is damaged or refused.
        OptionError: there is no backend of that name, the runtime cannot have the threads or
            streams, or the files say themselves what is told.
        EnvironmentProblem: the package of the runtime is not installed.
    """
    runtime = find_runtime(path, backend)
    if told.preprocessing is not None and not runtime.takes_told:
        raise OptionError(
            f"{path} says itself how its images are prepared; leave out the preprocessing",
            settings=("preprocessing",),
        )
    model = runtime.load(
        path,
        input_size_hw=input_size_hw,
        device=device,
        fuse=fuse,
        threads=threads,
        streams=streams,
        **({"told": told} if runtime.takes_told else {}),
    )
    model.check_input(path)
    return model

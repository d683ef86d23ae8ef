"""Quantise in a child process, so that a crash in native code becomes one line.

The parent owns the folder in which the child writes, and takes files out of it only when all went
well. The child ends with its parent, and then clears that folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

from gluon_ssd.compat import mx
from gluon_ssd.deploy.agreement import Agreement
from gluon_ssd.deploy.mxnet.files import replaced_files
from gluon_ssd.deploy.mxnet.int8.calibrate import Progress
from gluon_ssd.deploy.mxnet.int8.layer_errors import LayerError, layer_errors
from gluon_ssd.deploy.mxnet.int8.quantize import (
    check_images,
    check_pair,
    prepare_detector,
    quantize_detector,
)
from gluon_ssd.deploy.mxnet.int8.stored_batches import StoredBatches
from gluon_ssd.errors import (
    EnvironmentProblem,
    ModelError,
    SsdError,
    from_message,
    last_line,
    to_message,
)
from gluon_ssd.system.processes import Child, call_of, end_with_parent, restore_crash_signals
from gluon_ssd.system.signals import CRASHES, ending_by

_SHOWN = 4000  # characters of a child's output that an error shows


@dataclass(frozen=True)
class _Job:
    """What a child has to know; sent as JSON."""

    prefix_in: str
    prefix_out: str
    descriptor: int  # of the stored images
    image_shape: Sequence[int]
    sizes: Sequence[int]
    mode: str
    dtype: str
    excluded: Sequence[str]
    rank_layers: bool


def quantize_in_child(
    prefix_in: str,
    prefix_out: str,
    batches: StoredBatches,
    *,
    mode: str,
    dtype: str = "auto",
    excluded: Iterable[str] = (),
    rank_layers: bool = False,
    progress: Progress | None = None,
) -> tuple[Agreement, list[LayerError]]:
    """Do what `quantize_detector` does in a child process, on images of the network's size.

    The fp32 model is read there, once. With `rank_layers` it does what `layer_errors` does too;
    without it that list is empty.

    Raises:
        SsdError: as `quantize_detector` and `layer_errors` do; nothing is written then.
        EnvironmentProblem: the child crashed or was killed; nothing is written then.
    """
    check_pair(mode, dtype)
    check_images(mode, batches.num_images)
    with replaced_files(prefix_out) as staged:
        images = batches.descriptor, batches.image_shape, batches.sizes
        job = _Job(prefix_in, staged, *images, mode, dtype, tuple(excluded), rank_layers)
        agreement, layers = _follow(job, str(Path(staged).parent), progress)
    return Agreement(**agreement), [LayerError(**error) for error in layers]


def _follow(job: _Job, folder: str, progress: Progress | None) -> Any:
    """Start the child, pass its progress on, and return its result."""
    stage = "starting"
    ours, theirs = Pipe()
    passed = theirs.fileno(), job.descriptor
    with tempfile.TemporaryFile() as output, ours:
        with theirs:
            call = call_of(answer, passed[0], folder)
            child = Child(call, pass_fds=passed, stdout=output, stderr=output)
        try:
            ours.send_bytes(json.dumps(asdict(job)).encode())
            while True:
                message = json.loads(ours.recv_bytes())
                if "progress" in message:
                    stage, done, total = message["progress"]
                    if progress:
                        progress(stage, done, total)
                elif "error" in message:
                    raise from_message(message["error"])
                else:
                    return message["result"]
        except (EOFError, ConnectionError):
            code = child.process.wait()
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise _error_of_end(job, stage, code, text) from None
        finally:
            child.kill()


def _error_of_end(job: _Job, stage: str, code: int, text: str) -> Exception:
    """The error for a child that ended without a result: its exit code, and what it printed."""
    if code >= 0:
        return RuntimeError(f"quantising ended with exit code {code}:\n{text[-_SHOWN:]}")
    advice, settings = "", tuple[str, ...]()
    if -code == signal.SIGKILL:
        advice, settings = "; use smaller batches", ("batch_size",)
    elif -code in CRASHES:
        advice, settings = "; try another calibration mode, or other images", ("calib_mode",)
    return EnvironmentProblem(
        f"quantising {job.prefix_in} (stage: {stage}) {ending_by(-code)}; nothing was written"
        f"{advice}",
        settings=settings,
    )


def answer(connection_number: int, folder: str) -> NoReturn:
    """The child: does one job, sends one answer, and exits.

    Args:
        connection_number: file descriptor of the pipe to the parent.
        folder: where to write; cleared when the parent is gone.
    """
    end_with_parent(lambda: shutil.rmtree(folder, ignore_errors=True))
    restore_crash_signals()
    connection = Connection(connection_number)
    try:
        job = _Job(**json.loads(connection.recv_bytes()))
        _send(connection, _answer(job, connection))
    except (EOFError, ConnectionError):
        shutil.rmtree(folder, ignore_errors=True)
    # MXNet's own clean-up at exit is not needed, and can fail after errors.
    os._exit(0)


def _answer(job: _Job, connection: Connection) -> dict[str, Any]:
    batches = StoredBatches(job.descriptor, tuple(job.image_shape), job.sizes)
    input_size_hw = batches.image_shape[1], batches.image_shape[2]

    def tell(stage: str, done: int, total: int) -> None:
        _send(connection, {"progress": (stage, done, total)})

    try:
        prepared = prepare_detector(job.prefix_in, input_size_hw)
        agreement = quantize_detector(
            prepared,
            job.prefix_out,
            batches,
            mode=job.mode,
            dtype=job.dtype,
            excluded=job.excluded,
            progress=tell,
        )
        layers = []
        if job.rank_layers:
            layers = layer_errors(prepared, batches, mode=job.mode, dtype=job.dtype, progress=tell)
        return {"result": (asdict(agreement), [asdict(error) for error in layers])}
    except SsdError as error:
        return {"error": to_message(error)}
    except mx.MXNetError as error:
        text = f"MXNet cannot quantise {job.prefix_in}: {last_line(error)}"
        return {"error": to_message(ModelError(text))}


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())

"""A training run for TensorBoard: event files, written by tensorboardX.

| tag | when | value |
|---|---|---|
| loss/NAME | interval | mean of that part of the loss since the last one |
| rate, speed | interval | learning rate; images per second |
| epoch/loss/NAME | epoch | mean over the epoch |
| validation/loss/NAME | validation | over the validation set |
| validation/mAP, AP/CLASS | validation | a fraction |
| pictures/batch, pictures/samples | first batch, validation | see `commands.wiring.run_pictures` |

The step of every value is the number of updates of the weights. A run that is resumed goes on in
the same folder; what it had written beyond the place where it starts again is hidden.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import cv2
import numpy as np

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.files import ensure_directory, ensure_writable, write_problem

_QUALITY = 80  # of JPEG; the files of a run keep the picture of every validation


class TensorboardLog:
    """Writes an event file into a folder; a watcher of a run. A context that closes the file.

    Every event is on the disk when the call that tells of it returns. The package's own
    SummaryWriter would write from a thread, and wait for ever once the disk is full.

    Args:
        folder: made where missing.

    Raises:
        EnvironmentProblem: tensorboardX is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import event_file_writer
            from tensorboardX.proto import event_pb2, summary_pb2
        except ImportError as error:
            raise EnvironmentProblem(
                "--tensorboard needs tensorboardX: bash scripts/setup.sh --extras tensorboard"
            ) from error
        self._make_writer = event_file_writer.EventsWriter
        self._events, self._summaries = event_pb2, summary_pb2
        self._folder = os.fspath(ensure_directory(folder))
        ensure_writable(os.path.join(self._folder, "events"))
        self._writer: Any = None
        self._step = 0

    def __enter__(self) -> TensorboardLog:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with suppress(OSError):  # every event before has been flushed, or was an error
                self._writer.close()

    def __call__(self, event: str, at: tuple[int, int], fields: Mapping[str, Any]) -> None:
        """See `training.plan.Watcher`. Raises EnvironmentProblem when the disk is full."""
        if event in ("start", "resume"):
            self._open(fields["step"], is_new=event == "start")
        elif event in ("interval", "epoch"):
            self._step = fields["step"]
            start = "loss" if event == "interval" else "epoch/loss"
            values = {f"{start}/{name}": fields[name] for name in fields["losses"]}
            if event == "interval":
                values |= {"rate": fields["lr"], "speed": fields["samples_per_s"]}
            self._add(values)
        elif event == "validation":
            losses, scores = fields["val_losses"], fields["class_scores"]
            values = {f"validation/loss/{name}": value for name, value in losses.items()}
            values |= {"validation/mAP": fields["score"]}
            self._add(values | {f"AP/{name}": value for name, value in scores.items()})

    def picture(self, name: str, image: np.ndarray, epoch: int) -> None:
        """Add a picture, uint8 (H, W, 3) RGB, at the step of now."""
        settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
        height, width = image.shape[:2]
        stored = self._summaries.Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encoded.tobytes()
        )
        self._write([self._summaries.Summary.Value(tag=f"pictures/{name}", image=stored)])

    def _add(self, values: Mapping[str, float | None]) -> None:
        known = {tag: v for tag, v in values.items() if v is not None and math.isfinite(v)}
        make = self._summaries.Summary.Value
        self._write([make(tag=tag, simple_value=value) for tag, value in known.items()])

    def _open(self, step: int, *, is_new: bool) -> None:
        # The package names a file by the second alone.
        suffix = f".{os.getpid()}.{step}"
        try:
            self._writer = self._make_writer(os.path.join(self._folder, "events"), suffix)
        except OSError as error:
            raise write_problem(self._folder, error) from error
        self._step = step
        if not is_new:
            # A value at the very step where a run goes on was written before its checkpoint.
            status = self._events.SessionLog.START
            log = self._events.SessionLog(status=status)
            self._put(self._events.Event(step=step + 1, session_log=log))

    def _write(self, values: Sequence[Any]) -> None:
        summary = self._summaries.Summary(value=values)
        self._put(self._events.Event(step=self._step, summary=summary))

    def _put(self, event: Any) -> None:
        event.wall_time = time.time()
        try:
            self._writer.write_event(event)
            self._writer.flush()
        except OSError as error:
            raise write_problem(self._folder, error) from error

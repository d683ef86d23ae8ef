"""Detections as JSON: one file of this project, or the answers of a SageMaker endpoint."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gluon_ssd.evaluation.saved_detections import SavedDetections, saving
from gluon_ssd.inference.endpoint_json import endpoint_json
from gluon_ssd.inference.outputs.seen import Output, Seen
from gluon_ssd.system.address import shown
from gluon_ssd.system.files import ensure_directory, write_json


class JsonFile(Output):
    """Writes the file of `evaluation.saved_detections`; see `Output`.

    Args:
        path: of the file.
        classes: names in label order.
        drawn: gives the file that a picture is drawn into, for its key "annotated"; None for none.
    """

    def __init__(
        self, path: Path, classes: tuple[str, ...], *, drawn: Callable[[Seen], Path] | None = None
    ) -> None:
        self._path, self._classes, self._drawn = path, classes, drawn
        self._saved: SavedDetections | None = None

    def add(self, seen: Seen) -> None:
        """Write what was found in a picture."""
        assert self._saved is not None, "it is used as a context"
        found = seen.found
        more: dict[str, Any] = {} if self._drawn is None else {"annotated": str(self._drawn(seen))}
        self._saved.add(
            shown(found.source),
            found.size_hw,
            labels=found.labels,
            scores=found.scores,
            boxes_px=found.boxes_px,
            frame=found.frame,
            **more,
        )

    def _begin(self, stack: ExitStack) -> None:
        self._saved = stack.enter_context(saving(self._path, self._classes))


class EndpointAnswers(Output):
    """Writes FOLDER/LABEL.json with the answer of an endpoint for each picture; see `Output`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, seen: Seen) -> None:
        """Write the answer for a picture."""
        path = self._folder / f"{seen.label}.json"
        ensure_directory(path.parent)
        write_json(path, endpoint_json(seen.found))

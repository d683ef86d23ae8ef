"""The pictures of a training run: its first batch, and what it finds in some validation images."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.image_source import name_of
from gluon_ssd.data.orientations import read_turned
from gluon_ssd.detection.arrays import as_numpy
from gluon_ssd.detection.shown_pixels import shown_pixels
from gluon_ssd.detection.target_boxes import boxes_of_targets
from gluon_ssd.errors import DataError
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.models.interface import Network
from gluon_ssd.report.contact_sheet import ContactSheet, Objects
from gluon_ssd.training.journal import Position
from gluon_ssd.training.loop import Batch
from gluon_ssd.training.run_files import RunFiles

_log = logging.getLogger(__name__)

_SHOWN_FROM = 0.3  # score; weaker detections hide what is below them
_COLUMNS = 4  # two pairs of what is labelled and what is found

Show = Callable[[str, np.ndarray, int], object]
"""(name, uint8 (H, W, 3) RGB, epoch): shows a picture in another place too."""


class RunPictures:
    """Draws the pictures of one run; a watcher of it. For the leading process.

    Args:
        files: of the run.
        data, network: of the run.
        input_size_hw: of the network's input, px.
        count: images of a picture, at least 1.
        max_pixels: of an image.
        also: further places that show the pictures.
    """

    def __init__(
        self,
        files: RunFiles,
        data: TrainingData,
        network: Network,
        input_size_hw: tuple[int, int],
        *,
        count: int,
        max_pixels: int,
        also: Sequence[Show] = (),
    ) -> None:
        self._files, self._data, self._network = files, data, network
        self._input_size_hw, self._count, self._max_pixels = input_size_hw, count, max_pixels
        self._also = also
        self._chosen = [] if data.val is None else spread(data.val, count)
        self._found: dict[int, Objects] = {}

    def show_batch(self, batch: Batch, epoch: int) -> None:
        """Draw images of a training batch with the objects that its targets stand for."""
        images, train = batch.arrays["image"][: self._count], self._data.train
        input_format = self._network.input_format(self._input_size_hw)
        anchors = self._network.anchors(self._input_size_hw)
        height, width = self._input_size_hw
        title = f"epoch {epoch}, first batch as the network gets it ({width} × {height} px): "
        title += f"{len(images)} of {len(batch.indices)} images"
        sheet = ContactSheet(len(images), train.classes, title)
        for row, planes in enumerate(as_numpy(images)):
            objects = boxes_of_targets(
                batch.arrays["class_targets"][row],
                batch.arrays["box_targets"][row],
                anchors,
                self._network.spec.decoding.stds,
            )
            name = os.path.basename(name_of(train.image_source(int(batch.indices[row]))))
            title = f"{name} · {int(objects.anchors.sum())} anchors"
            drawn = Objects.plain(objects.boxes_px, objects.labels)
            sheet.add(shown_pixels(planes, input_format), drawn, title)
        self._show("batch", sheet, str(self._files.batch_picture), epoch)

    def note(self, found: Detections) -> None:
        """Keep what was found in the images that are drawn after this validation."""
        self._found = {}
        for index in self._chosen:
            if index not in found.left_out:
                start, stop = np.searchsorted(found.image_index, (index, index + 1))
                rows = slice(int(start), int(stop))
                self._found[index] = Objects.plain(
                    found.boxes_px[rows], found.labels[rows], found.scores[rows]
                )

    def __call__(self, event: str, at: Position, fields: Mapping[str, Any]) -> None:
        """Draw what was noted, once its score is there; see `training.plan.Watcher`."""
        if event == "validation" and self._found:
            self._show_found(fields["epoch"], fields["score"])

    def _show_found(self, epoch: int, score: float) -> None:
        dataset = self._data.validation
        title = f"epoch {epoch}, mAP {score:.4f}: labelled, and to the right of it what is found "
        title += f"with a score of {_SHOWN_FROM} or more"
        sheet = ContactSheet(
            2 * len(self._found),
            dataset.classes,
            title,
            columns=min(_COLUMNS, 2 * len(self._found)),
        )
        for index, found in self._found.items():
            source = dataset.image_source(index)
            try:
                image = read_turned(source, dataset.orientation(index), max_pixels=self._max_pixels)
            except DataError as error:
                _log.warning("left out of %s: %s", self._files.samples, error)
                continue
            truth = dataset.annotation(index)
            labelled = Objects(truth.boxes_px, truth.labels, truth.difficult, truth.crowd)
            sheet.add(image, labelled, os.path.basename(name_of(source)))
            scores = np.asarray(found.scores)
            best = f"found, best score {scores.max():.2f}" if len(scores) else "nothing found"
            strong = np.flatnonzero(scores >= _SHOWN_FROM)
            shown = Objects.plain(found.boxes_px[strong], found.labels[strong], scores[strong])
            sheet.add(image, shown, best)
        self._show("samples", sheet, str(self._files.samples), epoch)

    def _show(self, name: str, sheet: ContactSheet, path: str, epoch: int) -> None:
        picture = sheet.save(path)
        for show in self._also:
            show(name, picture, epoch)


def spread(dataset: ListedDataset, count: int) -> list[int]:
    """Positions of so many images, evenly over the data set, of those with objects if there are.

    The same data set always gives the same ones, so that epochs and runs can be compared.
    """
    full = [i for i in range(len(dataset)) if len(dataset.annotation(i).labels)]
    among = full or list(range(len(dataset)))
    places = np.linspace(0, len(among) - 1, min(count, len(among))).round().astype(int)
    return [among[place] for place in dict.fromkeys(places.tolist())]

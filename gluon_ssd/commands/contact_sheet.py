"""Data sets -> a picture of what is labelled in a sample of their images."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence

import numpy as np

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.image_source import name_of
from gluon_ssd.data.orientations import read_turned
from gluon_ssd.errors import DataError
from gluon_ssd.report.contact_sheet import ContactSheet, Objects
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.wording import one_line

_log = logging.getLogger(__name__)

_QUIET_S = 1.0  # work that takes no longer shows no bar


def write_contact_sheet(
    path: str,
    datasets: Sequence[ListedDataset],
    *,
    count: int,
    seed: int,
    max_pixels: int,
) -> str:
    """Draw the ground truth of images that are drawn by lot, in the order of the data sets.

    An image that cannot be decoded after all is told and left out.

    Args:
        path: .png, .jpg or .jpeg, the form goes by that.
        datasets: of the same kind, their orientations settled, without images that cannot be used.
        count: images; all of them where there are fewer.
        seed: of the lot.
        max_pixels: of an image.

    Returns:
        A line that says what was drawn.

    Raises:
        DataError: there is no image.
        EnvironmentProblem: the file cannot be written.
    """
    every = [(dataset, index) for dataset in datasets for index in range(len(dataset))]
    if not every:
        raise DataError(f"no image can be drawn for the contact sheet {path}: none can be used")
    lot = np.random.default_rng(seed).permutation(len(every))[:count]
    chosen = [every[number] for number in sorted(lot.tolist())]
    # Splits of one set may have other classes, or the same in another order.
    classes = tuple(dict.fromkeys(name for dataset in datasets for name in dataset.classes))
    names = {name: label for label, name in enumerate(classes)}
    sheet = ContactSheet(len(chosen), classes, f"{len(chosen)} of {len(every)} images, seed {seed}")
    with progress_bar(
        chosen,
        total=len(chosen),
        unit="img",
        description="contact sheet",
        quiet_s=_QUIET_S,
        stays=False,
    ) as bar:
        for dataset, index in bar:
            source = dataset.image_source(index)
            found = dataset.annotation(index)
            try:
                image = read_turned(source, dataset.orientation(index), max_pixels=max_pixels)
            except DataError as error:
                _log.warning("left out of the contact sheet: %s", error)
                continue
            labels = np.array([names[dataset.classes[each]] for each in found.labels], np.int64)
            objects = Objects(found.boxes_px, labels, found.difficult, found.crowd)
            sheet.add(image, objects, os.path.basename(name_of(source)))
    sheet.save(path)
    return one_line(f"contact sheet of {len(chosen)} of {len(every)} images in {path}")

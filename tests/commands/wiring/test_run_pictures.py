"""What the pictures of a run show, and of which images."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from gluon_ssd.commands.wiring.data import TrainingData
from gluon_ssd.commands.wiring.run_pictures import RunPictures, spread
from gluon_ssd.data.augment.settings import Augmentation
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import TrainSamples
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.report import contact_sheet
from gluon_ssd.training.run_files import RunFiles
from tests.entry_builders import NETWORK, voc_set

SIZE = (300, 300)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = voc_set(tmp_path_factory.mktemp("data") / "set")
    selection = Selection(root, train=True, splits="train")
    train = open_dataset("custom", selection)
    val = open_dataset(
        "custom", replace(selection, train=False, splits="val", classes=train.classes)
    )
    return TrainingData(train, val)


@pytest.fixture(scope="module")
def network():
    return build_network(NETWORK, classes=("cat", "dog"))


@pytest.fixture
def drawn(monkeypatch):
    """Titles and objects of every cell that is drawn."""
    cells = []
    add = contact_sheet.ContactSheet.add

    def noted(self, image, objects, title):
        cells.append((title, image, objects))
        add(self, image, objects, title)

    monkeypatch.setattr(contact_sheet.ContactSheet, "add", noted)
    return cells


def pictures_of(folder, data, network, **changes):
    values = {"count": 2, "max_pixels": 10**6, **changes}
    return RunPictures(RunFiles(folder / "t"), data, network, SIZE, **values)


def found_in(rows):
    """Detections of three images of 60×80 px from (image, label, score, box)."""
    index, labels, scores, boxes = zip(*rows, strict=True) if rows else ((), (), (), ())
    boxes_px = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(
        np.array(index, np.int64),
        np.array(labels, np.int64),
        np.array(scores, np.float32),
        boxes_px,
        boxes_px,
        np.array([(60, 80)] * 3),
        SIZE,
    )


def test_the_batch_is_drawn_with_the_boxes_of_its_targets(tmp_path, data, network, drawn):
    family = family_of(network)
    targets = family.target_maker(network.spec, network.anchors(SIZE))
    samples = TrainSamples(network.input_format(SIZE), Augmentation(flip_probability=0.0), targets)
    seen = []
    pictures = pictures_of(tmp_path, data, network, also=[lambda *told: seen.append(told)])
    with Loader(data.train, samples, batch_size=3, shuffle=False, seed=1, num_workers=0) as loader:
        batch = next(iter(loader.epoch(0)))
        pictures.show_batch(batch, 4)
    assert [title.split(" · ")[0] for title, _, _ in drawn] == ["train0.jpg", "train1.jpg"]
    for row, (title, image, objects) in enumerate(drawn):
        assert image.shape == (300, 300, 3) and image.dtype == np.uint8
        class_targets = batch.arrays["class_targets"][row]
        assert f"{(class_targets > 0).sum()} anchors" in title
        assert sorted(objects.labels.tolist()) == sorted(set((class_targets - 1).tolist()) - {-1})
    picture = cv2.imread(str(tmp_path / "t_batch.jpg"))
    ((name, shown, epoch),) = seen
    assert (name, epoch) == ("batch", 4) and shown.shape == picture.shape


def test_detections_stand_beside_the_labels_of_the_same_images(tmp_path, data, network, drawn):
    pictures = pictures_of(tmp_path, data, network)
    box = (3, 5, 40, 50)
    rows = [(0, 1, 0.9, box), (0, 0, 0.2, box), (1, 0, 0.25, box), (2, 0, 0.9, box)]
    pictures.note(found_in(rows))
    assert drawn == [] and not (tmp_path / "t_samples.jpg").exists()
    pictures("epoch", (1, 0), {})
    pictures("validation", (1, 0), {"epoch": 0, "score": 0.5})
    assert [title for title, _, _ in drawn] == [
        "val0.jpg",
        "found, best score 0.90",
        "val1.jpg",
        "found, best score 0.25",
    ]
    labelled, found = drawn[0][2], drawn[1][2]
    assert sorted(labelled.labels.tolist()) == [0, 1] and labelled.scores is None
    assert found.labels.tolist() == [1] and found.scores == pytest.approx([0.9])
    assert len(drawn[3][2].labels) == 0
    assert cv2.imread(str(tmp_path / "t_samples.jpg")).shape[1] == 4 * 352 - 12 + 32


def test_nothing_found_and_images_left_out_or_gone_are_no_error(
    tmp_path, data, network, drawn, monkeypatch, caplog
):
    pictures = pictures_of(tmp_path, data, network)
    pictures.note(replace(found_in([]), left_out=np.array([0])))
    pictures("validation", (1, 0), {"epoch": 0, "score": float("nan")})
    assert [title for title, _, _ in drawn] == ["val1.jpg", "nothing found"]
    pictures = pictures_of(tmp_path, data, network)
    monkeypatch.setattr(type(data.val), "image_source", lambda self, index: "gone.jpg")
    pictures.note(found_in([]))
    pictures("validation", (1, 0), {"epoch": 0, "score": 0.0})
    assert "left out of" in caplog.text and "gone.jpg" in caplog.text


def test_images_are_spread_over_those_with_objects(data):
    assert spread(data.train, 2) == [0, 3]  # the fifth is bare
    assert spread(data.train, 9) == [0, 1, 2, 3]
    assert spread(data.train.subset([4]), 3) == [0]

"""A drawn data set from options."""

from __future__ import annotations

from gluon_ssd.commands.prepare_data import prepare_shapes
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.options.data_tools import PrepareShapesOptions


def test_the_set_has_as_many_images_of_the_size_as_asked_for(tmp_path):
    folder = tmp_path / "shapes"
    options = PrepareShapesOptions(str(folder), num_train=3, num_val=2, image_size=64, seed=4)
    assert prepare_shapes(options) == folder
    found = [open_dataset("shapes", Selection(folder, train=train)) for train in (True, False)]
    assert [len(dataset) for dataset in found] == [3, 2]
    assert found[0].annotation(0).size_hw == (64, 64)

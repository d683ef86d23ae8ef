"""What a runtime that offers nothing more than `run` answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import ModelError
from gluon_ssd.models.record import ModelRecord

RECORD = ModelRecord(
    "net", ("ant", "bee"), (8, 8), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0), resize="pil"
)


class Bare(RuntimeModel):
    name, precision, threads = "bare", "float32", 1

    def __init__(self, record: ModelRecord | None = None) -> None:
        self.record, self.input_size_hw = record, (30, 40)

    def run(self, images):
        return images, images, images


def test_facts_come_from_the_record_where_there_is_one():
    told, untold = Bare(RECORD), Bare()
    assert told.classes == ("ant", "bee")
    assert told.input_format == InputFormat((30, 40), (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), "pil")
    assert untold.classes is None
    assert untold.input_format == InputFormat((30, 40))


def test_classes_that_only_count_are_no_names():
    assert Bare(replace(RECORD, has_names=False)).classes is None


def test_a_bare_runtime_is_on_the_cpu_and_takes_images_as_they_are():
    images = np.zeros((1, 3, 8, 8), np.float32)
    assert Bare().place(images) is images
    assert Bare().device == "cpu"
    assert not Bare().can_split
    assert Bare().count_candidates(images) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.in_precision("float16"), "^bare cannot run in float16$"),
        (lambda m: m.run_heads(0), "^the network of bare cannot be run by itself$"),
        (lambda m: m.run_decode([]), "^the decoding of bare cannot be run without its network$"),
    ],
)
def test_what_it_cannot_do_is_one_line(call, message):
    with pytest.raises(ModelError, match=message):
        call(Bare())


def test_another_precision_names_what_to_change():
    with pytest.raises(ModelError) as caught:
        Bare().in_precision("bfloat16")
    assert caught.value.settings == ("dtype",)


def test_a_runtime_must_run():
    with pytest.raises(TypeError, match="abstract"):
        RuntimeModel()

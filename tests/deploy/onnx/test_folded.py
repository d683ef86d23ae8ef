"""Files that prepare pictures themselves, run on images that are prepared."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.toy_parts import toy_images, toy_parts, toy_pictures, toy_reference

pytestmark = pytest.mark.onnx
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from gluon_ssd.deploy.onnx.export import write_onnx  # noqa: E402
from gluon_ssd.deploy.onnx.folded import FoldedEngine, folded_detector  # noqa: E402


@pytest.mark.parametrize("form", ["raw", "zoo", "detections"])
@pytest.mark.parametrize("resize", ["auto", "pil", "linear"])
def test_detections_are_those_of_mxnet(tmp_path, form, resize):
    path = tmp_path / "m.onnx"
    write_onnx(toy_parts(resize=resize), path, form=form, folds_preprocessing=True)
    images = toy_images()
    expected = toy_reference().detect(images)
    ids, scores, bboxes = folded_detector(str(path)).run(images)
    most = ids.shape[1]
    np.testing.assert_array_equal(ids[..., 0], expected[:, :most, 0])
    np.testing.assert_allclose(scores[..., 0], expected[:, :most, 1], atol=1e-5)
    np.testing.assert_allclose(bboxes, expected[:, :most, 2:], atol=1e-3)


def test_pictures_go_in_as_they_are(tmp_path):
    path = tmp_path / "m.onnx"
    write_onnx(toy_parts(), path, folds_preprocessing=True, batch=2)
    engine = FoldedEngine(str(path))
    assert engine.input == ("images", "uint8", (2, None, None, 3))
    logits, offsets = engine.compute_pictures(toy_pictures(2), ["scores", "offsets"])
    expected = toy_reference().raw_outputs(toy_images(2))
    np.testing.assert_allclose(logits, expected[0], atol=1e-5)
    np.testing.assert_allclose(offsets, expected[1], atol=1e-5)

from __future__ import annotations

from dataclasses import replace

import pytest

from gluon_ssd.benchmarks.gluoncv import network
from gluon_ssd.benchmarks.gluoncv.evaluation import original_evaluation
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.graph import Graph
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import ModelError
from gluon_ssd.evaluation.detections import collect_ground_truth
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.voc_map import evaluate_voc
from gluon_ssd.models.record import ModelRecord


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # classes that eight images do not show
def test_original_way_gives_our_score(shared_dir):
    root = shared_dir / "data" / "voc-mini"
    dataset = VocDataset(root, splits=[("VOC2007", "test")]).subset(range(8))
    prefix = str(shared_dir / "weights" / "ssd_300_mobilenet0.75_voc")
    original = original_evaluation(dataset, prefix=prefix, input_size_hw=(300, 300), batch_size=4)
    loader = Loader(
        dataset,
        EvalSamples(InputFormat((300, 300))),
        batch_size=4,
        shuffle=False,
        seed=0,
        num_workers=0,
        last_batch="keep",
    )
    with loader:
        found = predict(
            load_deployed(prefix, input_size_hw=(300, 300)).run, loader.epoch(0), num_images=8
        )
    truth = collect_ground_truth(dataset.annotation(i) for i in range(8))
    ours = evaluate_voc(found, truth, dataset.classes).score
    assert 0.3 < original < 1
    assert ours == pytest.approx(original, abs=1e-6)


def test_detectors_that_gluoncv_does_not_run_are_refused(monkeypatch):
    """Else its way scores 0 of them, without a word."""
    exported = Exported("x/model_algo_1", Graph([]), {}, None)
    record = ModelRecord("ssd", ("cell",), (96, 96), mean=(0.0, 0.0, 0.0))
    for given, said in (
        (replace(exported, multibox=object()), "x/model_algo_1 is of SageMaker or example/ssd"),
        (replace(exported, record=record), "takes other images than GluonCV's scripts prepare"),
    ):
        monkeypatch.setattr(network, "read_exported", lambda _, given=given: given)
        with pytest.raises(ModelError, match=said):
            network.original_exported("x/model_algo_1")

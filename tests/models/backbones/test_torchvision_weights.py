"""Names of torchvision's weights, whose they are, and the way into a detector's backbone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import FAMILIES, build_network
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.models.backbones.resnet import BLOCKS
from gluon_ssd.models.backbones.torchvision_weights import (
    FILES,
    backbone_difference,
    backbone_of,
    our_arrays,
    our_name,
    published_arrays,
    published_name,
    where_published,
)
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.torch_file.writer import write_state_dict
from tests.models.backbones.builders import classifier, zeros


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("conv1.weight", "conv1.weight"),
        ("bn1.weight", "bn1.gamma"),
        ("bn1.bias", "bn1.beta"),
        ("bn1.running_mean", "bn1.running_mean"),
        ("layer1.0.conv2.weight", "layer1.0.conv2.weight"),
        ("layer3.22.bn3.bias", "layer3.22.bn3.beta"),
        ("layer2.0.downsample.0.weight", "layer2.0.downsample.0.weight"),
        ("layer2.0.downsample.1.weight", "layer2.0.downsample.1.gamma"),
        ("fc.bias", "fc.bias"),
    ],
)
def test_names(published, ours):
    assert our_name(published) == ours and published_name(ours) == published
    assert our_name(ours) == ours


def test_every_network_says_where_its_weights_are():
    assert FILES.keys() == BLOCKS.keys()
    for name, files in FILES.items():
        assert all(file.startswith(f"{name}-") and file.endswith(".pth") for file in files)
    assert where_published(spec_of("ssd300_resnet18_coco")) == (
        "torchvision's resnet18, resnet18-f37072fd.pth from download.pytorch.org/models"
    )


def test_arrays_go_there_and_back():
    theirs = classifier("resnet18")
    ours = our_arrays(theirs)
    assert len(theirs) - len(ours) == 20 and ours["bn1.gamma"] is theirs["bn1.weight"]
    back = published_arrays(ours)
    assert back.keys() == theirs.keys()
    for name, array in theirs.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array, err_msg=name)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_network_is_told_by_its_arrays(name):
    assert backbone_of(our_arrays(classifier(name, counters=False, value=zeros))) == name


def test_arrays_of_no_network():
    arrays = our_arrays(classifier("resnet18", fc=0))
    assert backbone_of(arrays) == "resnet18" and backbone_of({}) is None
    del arrays["layer3.1.bn2.beta"]
    assert backbone_of(arrays) is None
    difference = backbone_difference("resnet18", arrays)
    assert difference == "1 arrays missing (layer3.1.bn2.bias (256,))"


NETWORKS = {
    "ssd300_resnet18_coco": "backbone.",
    "ssd300_resnet50_voc": "backbone.",
    "ssd_resnet34_1200_coco": "backbone.",
    "ssd300_yannqi_coco": "backbone.",
    "retinanet_resnext50_32x4d_voc": "backbone.body.",
}


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "pth") for name in NETWORKS), ("ssd300_resnet18_coco", "params")]
)
def test_a_detector_takes_its_backbone(name, form, tmp_path: Path):
    network = build_network(name)
    initialize(network)
    theirs = classifier(network.spec.backbone)
    path = tmp_path / f"resnet.{form}"
    if form == "pth":
        write_state_dict(path, theirs)
    else:
        mx.nd.save(str(path), {n: mx.nd.array(a) for n, a in our_arrays(theirs).items()})
    before = {n: p.data().asnumpy() for n, p in parameters_of(network).items()}
    load_base = FAMILIES[network.spec.family].load_base
    start = NETWORKS[name]
    assert load_base(network, path) == sum(n.startswith(start) for n in before)
    ours = our_arrays(theirs)
    for own, parameter in parameters_of(network).items():
        wanted = ours[own.removeprefix(start)] if own.startswith(start) else before[own]
        np.testing.assert_array_equal(parameter.data().asnumpy(), wanted, err_msg=own)
    assert network.weights_from == f"ImageNet weights resnet.{form}, the rest random values, seed 0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("layer3.1.bn2.bias"), r"1 arrays missing \(layer3.1.bn2.bias \(256,\)\)"),
        (lambda w: w.update({"layer1.2.conv1.weight": w["layer1.1.conv1.weight"]}), "1 too many"),
        (lambda w: w.update({"conv1.weight": w["fc.weight"]}), "1 of another shape"),
        (lambda w: [w.pop(n) for n in list(w) if n != "fc.bias"], "75 arrays missing"),
    ],
    ids=["missing", "extra", "shape", "another"],
)
def test_another_file_changes_nothing(change, message, tmp_path: Path):
    network = build_network("ssd300_resnet18_coco")
    initialize(network)
    theirs = classifier("resnet18")
    change(theirs)
    write_state_dict(tmp_path / "a.pth", theirs)
    with pytest.raises(WeightsError, match=message) as caught:
        FAMILIES["ssd300_nvidia"].load_base(network, tmp_path / "a.pth")
    assert str(caught.value).startswith(
        f"{tmp_path}/a.pth does not fit the backbone of ssd300_resn"
    )
    assert str(caught.value).endswith("resnet18-f37072fd.pth from download.pytorch.org/models")
    assert network.weights_from == "random values, seed 0"


@pytest.mark.parametrize("other", ["resnet34", "resnet50"])
def test_a_deeper_network_is_another_one(other, tmp_path: Path):
    network = build_network("ssd300_resnet18_coco")
    initialize(network)
    write_state_dict(tmp_path / "a.pth", classifier(other, value=zeros))
    with pytest.raises(WeightsError, match=r"too many \(layer1\."):
        FAMILIES["ssd300_nvidia"].load_base(network, tmp_path / "a.pth")

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.families.zoo.imagenet_weights import load_base
from gluon_ssd.families.zoo.network import classification_network
from gluon_ssd.models.first_weights import initialize
from tests.models.builders import values_of


def empty_classifier(backbone: str):
    network = classification_network(backbone)
    network.infer_shape(mx.nd.zeros((1, 3, 64, 64)))
    network.initialize(init=mx.init.Zero())
    return network


def classifier_with_values(backbone: str):
    """A classifier whose arrays all differ from each other and from first values."""
    network = empty_classifier(backbone)
    rng = np.random.default_rng(0)
    for parameter in network.collect_params().values():
        values = rng.uniform(0.5, 1, parameter.shape).astype(np.float32)
        parameter.set_data(mx.nd.array(values))
    return network


def built(name: str):
    network = build_network(name, classes=("a", "b") if name.endswith("custom") else None)
    initialize(network)
    return network


def test_backbone_of_the_expander_computes_what_the_classifier_does(tmp_path):
    classifier = classifier_with_values("mobilenet0.25")
    classifier.save_parameters(str(tmp_path / "base.params"))
    network = built("ssd_300_mobilenet0.25_custom")
    head = values_of(network)["class_predictors.0.predictor.weight"]
    assert load_base(network, tmp_path / "base.params") == 135
    image = mx.nd.random.normal(shape=(1, 3, 64, 64))
    expected = image
    for layer in list(classifier.features)[:-2]:  # up to the pooling
        expected = layer(expected)
    np.testing.assert_array_equal(network.features(image)[1].asnumpy(), expected.asnumpy())
    np.testing.assert_array_equal(values_of(network)["class_predictors.0.predictor.weight"], head)


def test_file_in_the_older_format_fits_too(tmp_path):
    classifier = classifier_with_values("mobilenet0.25")
    classifier.collect_params().save(str(tmp_path / "old.params"))
    classifier.save_parameters(str(tmp_path / "new.params"))
    from_old, from_new = (built("ssd_300_mobilenet0.25_custom") for _ in range(2))
    load_base(from_old, tmp_path / "old.params")
    load_base(from_new, tmp_path / "new.params")
    for name, values in values_of(from_new).items():
        np.testing.assert_array_equal(values_of(from_old)[name], values, err_msg=name)


@pytest.mark.parametrize(
    ("backbone", "name", "count"),
    [
        ("resnet18_v1", "ssd_512_resnet18_v1_custom", 100),
        ("resnet101_v2", "ssd_512_resnet101_v2_stage_end_voc", 512),
    ],
)
def test_number_of_arrays_taken(tmp_path, backbone, name, count):
    empty_classifier(backbone).save_parameters(str(tmp_path / "base.params"))
    network = build_network(name, classes=("a", "b"))
    assert load_base(network, tmp_path / "base.params") == count


def test_resnet34_extractor_computes_what_the_classifier_does(tmp_path):
    classifier = classifier_with_values("resnet34_v1b")
    classifier.save_parameters(str(tmp_path / "base.params"))
    network = built("ssd_300_resnet34_v1b_custom")
    assert load_base(network, tmp_path / "base.params") == 180
    image = mx.nd.random.normal(shape=(1, 3, 300, 300))
    expected = image
    for layer in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2"):
        expected = getattr(classifier, layer)(expected)
    np.testing.assert_array_equal(network.features(image)[0].asnumpy(), expected.asnumpy())
    np.testing.assert_array_equal(
        network.features.stage2[1][2].conv2.weight.data().asnumpy(),
        classifier.layer4[2].conv2.weight.data().asnumpy(),
    )


def test_vgg_takes_gluoncvs_own_converted_base(tmp_path):
    network = built("ssd_300_vgg16_atrous_custom")
    stages = {
        name.removeprefix("features."): mx.nd.array(values * 0 + index)
        for index, (name, values) in enumerate(values_of(network).items())
        if name.startswith("features.stages.")
    }
    mx.nd.save(str(tmp_path / "vgg16_atrous.params"), stages)
    assert load_base(network, tmp_path / "vgg16_atrous.params") == 30
    loaded = values_of(network)
    assert all((loaded[f"features.{name}"] == a.asnumpy()).all() for name, a in stages.items())


def test_vgg_takes_the_convolutions_of_a_plain_classifier(tmp_path):
    network = built("ssd_300_vgg16_atrous_custom")
    shapes = [
        parameter.shape
        for name, parameter in network._collect_params_with_prefix().items()
        if name.startswith("features.stages.") and not name.startswith("features.stages.5")
    ]
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-0.1, 0.1, shape).astype(np.float32) for shape in shapes]
    names = [f"features.{i // 2}.{('weight', 'bias')[i % 2]}" for i in range(len(arrays))]
    dense = {"features.31.weight": mx.nd.zeros((8, 8)), "output.weight": mx.nd.zeros((8, 8))}
    mx.nd.save(
        str(tmp_path / "vgg16.params"),
        {**{n: mx.nd.array(a) for n, a in zip(names, arrays, strict=True)}, **dense},
    )
    dilated = values_of(network)["features.stages.5.0.weight"]
    assert load_base(network, tmp_path / "vgg16.params") == 26
    np.testing.assert_array_equal(values_of(network)["features.stages.5.0.weight"], dilated)
    # The extractor multiplies its input by std * 255; the first layer's output must not change.
    image = mx.nd.random.normal(shape=(1, 3, 16, 16))
    expected = mx.nd.Convolution(
        image,
        mx.nd.array(arrays[0]),
        mx.nd.array(arrays[1]),
        num_filter=64,
        kernel=(3, 3),
        pad=(1, 1),
    )
    scaled = image * network.features.init_scale.data()
    np.testing.assert_allclose(
        network.features.stages[0][0](scaled).asnumpy(), expected.asnumpy(), atol=1e-5
    )


def test_base_of_another_network_is_one_line(tmp_path):
    empty_classifier("resnet18_v1").save_parameters(str(tmp_path / "r18.params"))
    network = built("ssd_300_mobilenet0.25_custom")
    before = values_of(network)
    with pytest.raises(
        WeightsError,
        match=r"r18\.params does not fit the backbone of ssd_300_mobilenet0\.25_custom: 130 arrays "
        r"missing \(features\.mobilenet0_conv1_weight .* and 127 more\).*weights of mobilenet0\.25",
    ) as caught:
        load_base(network, tmp_path / "r18.params")
    assert "\n" not in str(caught.value)
    for name, values in values_of(network).items():
        np.testing.assert_array_equal(values, before[name])


def test_base_of_another_width_names_shapes(tmp_path):
    empty_classifier("mobilenet0.5").save_parameters(str(tmp_path / "wide.params"))
    with pytest.raises(
        WeightsError,
        match=r"of another shape \(features\.mobilenet0_conv0_weight \(16, 3, 3, 3\) for ",
    ):
        load_base(built("ssd_300_mobilenet0.25_custom"), tmp_path / "wide.params")


def test_real_imagenet_weights_fit(shared_dir):
    path = shared_dir / "weights" / "mobilenet1.0-imagenet.params"
    if not path.is_file():
        pytest.skip(f"no {path}")
    network = built("ssd_300_mobilenet1.0_custom")
    assert load_base(network, path) == 135
    # Real batch norms have left their first values.
    variance = values_of(network)["features.mobilenet0_batchnorm0_running_var"]
    assert variance.min() > 0 and variance.std() > 0

import hashlib
from dataclasses import replace

import pytest

from gluon_ssd.commands.wiring.published_weights import zoo_weights
from gluon_ssd.errors import WeightsError
from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.models.download import WeightStore
from gluon_ssd.options.shared import ModelOptions

SHA1 = hashlib.sha1(b"weights").hexdigest()


def test_weights_have_the_name_that_they_are_published_under(tmp_path, monkeypatch):
    store = WeightStore({"a detector": SHA1, "a classifier": SHA1})
    monkeypatch.setitem(FAMILIES, "zoo", replace(FAMILIES["zoo"], store=store))
    paths = [tmp_path / f"{name}-{SHA1[:8]}.params" for name in store.hashes]
    for path in paths:
        path.write_bytes(b"weights")
    options = ModelOptions(model_root=str(tmp_path))
    spec = replace(
        spec_of("ssd_512_resnet18_v1_voc"),
        weights_name="a detector",
        base_weights_name="a classifier",
    )
    found = [zoo_weights(spec, options), zoo_weights(spec, options, base=True)]
    assert found == list(map(str, paths))
    no_weights = "no weights of ssd_512_resnet18_v1_voc are fetched"
    with pytest.raises(WeightsError, match=no_weights) as caught:
        zoo_weights(replace(spec, weights_name=""), options)
    assert caught.value.settings == ("pretrained",)

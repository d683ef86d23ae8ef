from dataclasses import replace

from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation, StepAugmentation
from gluon_ssd.options.train_data import TrainDataOptions


def test_options_offer_exactly_the_policies():
    option = TrainDataOptions.__dataclass_fields__["augmentation"]
    assert option.metadata["choices"] == tuple(POLICIES)


def test_legacy_is_what_the_defaults_are():
    assert POLICIES["legacy"] == (Augmentation(), DaliAugmentation())


def test_light_is_half_of_legacy_without_zoom_out():
    half = (0.75, 1.25)
    assert POLICIES["light"] == (
        Augmentation(
            hue=18,
            brightness=16,
            contrast=half,
            saturation=half,
            expand_probability=0,
            crop_scale=(0.6, 1),
        ),
        DaliAugmentation(
            hue=(-18, 18),
            brightness=(0.9375, 1.0625),
            contrast=half,
            saturation=half,
            zoom_probability=0,
            crop_scale=(0.6, 1),
        ),
    )


def test_narrow_hue_changes_nothing_else():
    narrow = POLICIES["legacy"].with_narrow_hue()
    assert narrow == (Augmentation(hue=18), DaliAugmentation(hue=(-18, 18)))


def test_narrow_hue_of_the_published_policies():
    # Those that leave the hue alone stay as they are; 0.05 turns are 18 degrees.
    for name in ("hflip", "retinanet_ssdlite", "ssd300_pil", "retinanet_ssd"):
        assert POLICIES[name].with_narrow_hue() == POLICIES[name]
    narrow = POLICIES["ssd300_dali"].with_narrow_hue()
    assert (narrow.native.hue, narrow.dali.hue) == (18, (-18, 18))


def test_published_policies_are_as_written():
    ssd300 = StepAugmentation(
        colors="jitter",
        brightness=(0.875, 1.125),
        contrast=(0.5, 1.5),
        saturation=(0.5, 1.5),
        hue=18,
        expand_probability=0,
        crop="all",
        crop_floors=(0.1, 0.3, 0.5, 0.7, 0.9, -1),
        crop_tries=1,
        crop_scale=(0.3, 1),
        crop_aspect=(0.5, 2),
        flip_probability=0.5,
    )
    assert POLICIES["ssd300_pil"].native == ssd300
    assert POLICIES["ssd300_dali"].native == replace(ssd300, colors="twist", hue=0.5)
    assert POLICIES["hflip"].native == replace(ssd300, colors="", hue=0, crop="")
    lite = replace(
        ssd300,
        colors="",
        hue=0,
        crop="any",
        crop_floors=(0, 0.1, 0.3, 0.5, 0.7, 0.9),
        crop_tries=40,
    )
    assert POLICIES["retinanet_ssdlite"].native == lite
    assert POLICIES["retinanet_ssd"].native == replace(
        lite,
        colors="distort",
        color_probability=0.5,
        hue=18,
        expand_probability=0.5,
        expand_ratio=(1, 4),
        fill=(123, 117, 104),
    )

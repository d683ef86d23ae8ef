from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.augment.settings import Augmentation, DaliAugmentation
from gluon_ssd.options.train import TrainDataOptions


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

from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from tests.layout_rules import modules, name_of


def test_the_numbers_of_imagenet_stand_in_one_file():
    numbers = [str(number) for number in (*IMAGENET_MEAN, *IMAGENET_STD)]
    assert numbers == ["0.485", "0.456", "0.406", "0.229", "0.224", "0.225"]
    holders = {
        name_of(path)
        for path in modules()
        if any(number in path.read_text(encoding="utf-8") for number in numbers)
    }
    assert holders == {"gluon_ssd/detection/normalization.py"}

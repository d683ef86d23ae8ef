from gluon_ssd.detection.input_format import RESIZES, InputFormat
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD


def test_what_is_not_said_is_as_of_the_zoo():
    assert InputFormat((30, 40)) == InputFormat((30, 40), IMAGENET_MEAN, IMAGENET_STD, "auto")
    assert RESIZES == ("auto", "pil", "linear")

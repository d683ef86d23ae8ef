"""What a comma list names."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.commands.wiring.pictures import list_sources
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.pictures import Reader


@pytest.fixture
def here(tmp_path, monkeypatch):
    for name in ("b.png", "a.jpg", "film.mp4", "a,b.png", "7", "below/C.JPG", "below/.d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(text, **options):
    return list_sources(text, Reader(**options))


@pytest.mark.parametrize(
    ("text", "names", "labels"),
    [
        (" b.png , a.jpg,", ["b.png", "a.jpg"], ["b", "a"]),
        ("a,b.png", ["a,b.png"], ["a,b"]),
        ("below", ["below/C.JPG"], ["C"]),
        ("*/*.JPG", ["below/C.JPG"], ["below/C"]),
        ("0", ["camera 0"], ["camera0"]),
        ("/dev/video12,a.jpg", ["camera 12", "a.jpg"], ["camera12", "a"]),
        ("7", ["7"], ["7"]),
        ("rtsp://u:p@10.0.0.7:554/hall?x=1", ["rtsp://u:p@10.0.0.7:554/hall?x=1"], ["hall"]),
        ("rtsps://10.0.0.7", ["rtsps://10.0.0.7"], ["10.0.0.7"]),
        ("http://a.b/%2e%2e/", ["http://a.b/%2e%2e/"], ["2e_2e"]),
        ("HTTPS://[/x", ["HTTPS://[/x"], ["address"]),
    ],
)
def test_files_addresses_and_cameras(here, text, names, labels):
    sources = listed(text)
    assert [source.name for source in sources] == names
    assert [source.label for source in sources] == labels


def test_folders_are_gone_down_when_asked(here):
    deep = listed(".", goes_down=True)
    assert [source.label for source in deep] == ["a,b", "a", "b", "below/C", "film"]
    assert [source.is_film for source in deep] == [False, False, False, False, True]
    assert "below/C" not in [s.label for s in listed(".", goes_down=True, left_out=Path("below"))]


def test_an_address_may_turn_out_as_a_film(here):
    assert [s.is_film for s in listed("http://a.b/c,rtsp://a,3")] == [None, True, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c.png", "there is no file or folder c.png; check the path"),
        ("x*.png", r"no picture is like x\*.png"),
        ("a.jpg,none/", "there is no file or folder none; check the path"),
        ("\0", "there is no file or folder"),
    ],
)
def test_what_is_not_there_is_one_line(here, text, message):
    with pytest.raises(DataError, match=message):
        listed(text)


def test_nothing_is_refused_by_the_name_of_the_option():
    with pytest.raises(OptionError, match="^--images names nothing; give images, folders or films"):
        listed(" , ")
    with pytest.raises(OptionError, match="^--check-images names nothing"):
        list_sources(",", Reader(), flag="--check-images")

from __future__ import annotations

import cv2
import numpy as np
import pytest

from gluon_ssd.commands.wiring.pictures import count_pictures, list_sources, read_pictures
from gluon_ssd.data.images import read_image
from gluon_ssd.errors import DataError
from tests.data.builders import write_image


def names(sources):
    return [path.name for path in sources]


def test_folders_are_listed_in_order_and_other_files_left_out(tmp_path):
    for name in ("b.png", "a.jpg", "C.JPG", "film.mp4"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "below").mkdir()
    assert names(list_sources(str(tmp_path))) == ["C.JPG", "a.jpg", "b.png", "film.mp4"]


def test_list_keeps_its_order_and_forgives_spaces(tmp_path):
    for name in ("b.png", "a.jpg"):
        (tmp_path / name).write_bytes(b"x")
    assert names(list_sources(f" {tmp_path}/b.png , {tmp_path}/a.jpg,")) == ["b.png", "a.jpg"]


def test_home_folder_may_be_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert list_sources("~/a.jpg") == [tmp_path / "a.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}/none.jpg", "there is no file or folder .*none.jpg; check the name"),
        ("{}/notes.txt", "notes.txt is neither an image nor a video by its ending; allowed are "),
        ("{}/empty", "the folder .*empty holds no picture; looked for .jpg"),
        (" , ", "--images names no file; give images, folders or videos"),
    ],
)
def test_wrong_source_is_one_line(tmp_path, text, message):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message) as caught:
        list_sources(text.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_pictures_are_those_of_the_files_with_names_of_their_own(tmp_path):
    files = [write_image(tmp_path / part / "a.jpg", seed=n) for n, part in enumerate("xyz")]
    pictures = list(read_pictures(files, on_bad=pytest.fail))
    assert [picture.name for picture in pictures] == ["a", "a-2", "a-3"]
    for picture, file in zip(pictures, files, strict=True):
        np.testing.assert_array_equal(picture.image, read_image(file))
        assert (picture.source, picture.frame) == (str(file), None)


def test_video_without_a_frame_is_told_and_the_next_picture_follows(tmp_path):
    (tmp_path / "film.avi").write_bytes(b"RIFF")
    told: list[DataError] = []
    sources = [tmp_path / "film.avi", write_image(tmp_path / "a.jpg")]
    assert [picture.name for picture in read_pictures(sources, on_bad=told.append)] == ["a"]
    assert [str(error) for error in told] == [
        f"cannot decode the video {tmp_path / 'film.avi'}; it is damaged or of an unknown codec"
    ]


@pytest.mark.parametrize(("every", "expected"), [(1, 9), (3, 4), (100, 2)])
def test_frames_of_videos_are_counted_as_they_are_read(tmp_path, every, expected):
    size = (32, 24)
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, size)
    for _ in range(8):
        film.write(np.zeros((24, 32, 3), np.uint8))
    film.release()
    sources = [tmp_path / "film.avi", write_image(tmp_path / "a.jpg")]
    assert count_pictures(sources, every) == expected
    assert len(list(read_pictures(sources, on_bad=pytest.fail, every=every))) == expected


def test_video_without_a_length_leaves_the_number_open(tmp_path):
    (tmp_path / "film.avi").write_bytes(b"RIFF")
    assert count_pictures([tmp_path / "film.avi", write_image(tmp_path / "a.jpg")]) is None


def test_a_bad_picture_is_told_without_a_word_of_data_sets(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    told: list[DataError] = []
    sources = [tmp_path / "a.jpg", tmp_path / "none.jpg"]
    assert list(read_pictures(sources, on_bad=told.append)) == []
    assert [str(error).rpartition("; ")[2] for error in told] == ["replace it or leave it out"] * 2

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.pictures import Limits, Reader
from tests.data.builders import write_image, write_video
from tests.hosts import serving
from tests.rtsp_host import Camera, showing
from tests.rtsp_streams import number_of

SIZE_HW = (60, 80)


def write(folder: Path, *names: str) -> Path:
    """Pictures of one grey each, which rises with their number."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / name), np.full((*SIZE_HW, 3), 20 * number, np.uint8))
    return folder


def sources(given, **options) -> list[str]:
    return [Path(picture.source).name for picture in Reader(**options).pictures(given)]


def test_a_folder_gives_its_pictures_by_name(tmp_path):
    write(tmp_path, "b.png", "a.jpg", "C.JPG", "below/d.png")
    (tmp_path / "notes.txt").write_text("x")
    assert sources(tmp_path) == ["C.JPG", "a.jpg", "b.png"]
    assert sources(f"{tmp_path}/") == ["C.JPG", "a.jpg", "b.png"]


def test_a_glob_gives_its_pictures_by_name(tmp_path):
    write(tmp_path, "b.png", "a.png", "c.jpg", "below/d.png")
    (tmp_path / "e.png.txt").write_text("x")
    assert sources(f"{tmp_path}/*.png") == ["a.png", "b.png"]
    assert sources(f"{tmp_path}/**/*.png") == ["a.png", "b.png", "d.png"]
    assert sources(f"{tmp_path}/*") == ["a.png", "b.png", "c.jpg"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path):
    write(tmp_path, "a[1].png", "a1.png")
    assert sources(tmp_path / "a[1].png") == ["a[1].png"]


def test_the_home_folder_may_be_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, "a.png")
    assert sources("~/a.png") == ["a.png"]


def test_lists_are_nested_as_one_likes_and_keep_their_order(tmp_path):
    write(tmp_path, "a.png", "b.png")
    content = (tmp_path / "b.png").read_bytes()
    given = [tmp_path / "b.png", (content, [np.zeros((4, 5), np.uint8)]), iter([tmp_path])]
    assert sources(given) == ["b.png", "bytes of an image", "array", "a.png", "b.png"]
    assert sources([]) == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_content_of_a_file_is_the_file(tmp_path, kind):
    path = write_image(tmp_path / "a.jpg")
    (one,), (other,) = Reader().pictures(path), Reader().pictures(kind(path.read_bytes()))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(other.pixels, other.read_again())


def with_orientation(path: Path, value: int) -> Path:
    """The same JPEG with an EXIF block that holds this tag alone."""
    data = path.read_bytes()
    tiff = (
        b"MM\0*\0\0\0\x08\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0" + bytes([value, 0, 0]) + bytes(4)
    )
    block = b"Exif\0\0" + tiff
    length = (len(block) + 2).to_bytes(2, "big")
    path.write_bytes(data[:2] + b"\xff\xe1" + length + block + data[2:])
    return path


def test_photos_are_turned_as_their_exif_tag_says(tmp_path):
    stored = np.zeros((40, 80, 3), np.uint8)
    stored[:20, :40] = 255  # the upper left quarter
    Image.fromarray(stored).save(tmp_path / "a.jpg", quality=95)
    path = with_orientation(tmp_path / "a.jpg", 6)  # to be turned by 90 degrees clockwise
    for given in (path, path.read_bytes()):
        (picture,) = Reader().pictures(given)
        assert picture.pixels.shape == (80, 40, 3)
        assert picture.pixels[:40, 20:].mean() > 200 > 50 > picture.pixels[:40, :20].mean()


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_files_of_other_colours_become_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    start = "I" if mode == "I;16" else "L"
    Image.new(start, (8, 6), 30000 if mode == "I;16" else 255).convert(mode).save(path)
    (picture,) = Reader().pictures(path)
    assert (picture.pixels.shape, picture.pixels.dtype) == ((6, 8, 3), np.uint8)
    assert picture.pixels.min() > 100


def test_a_video_gives_its_frames(tmp_path):
    film = write_video(tmp_path / "film.avi", 5, (40, 64))
    write(tmp_path, "a.png")
    pictures = list(Reader(every=2).pictures(tmp_path))
    assert [(Path(p.source).name, p.frame) for p in pictures] == [
        ("a.png", None),
        ("film.avi", 0),
        ("film.avi", 2),
        ("film.avi", 4),
    ]
    assert all(p.read_again is None for p in pictures[1:])
    assert sources(film) == ["film.avi"] * 5


def test_a_camera_that_is_not_there_is_told():
    with pytest.raises(DataError, match="^camera 97 gives no picture"):
        list(Reader().pictures(97))


def test_a_camera_of_the_network_gives_its_frames():
    with showing(Camera()) as camera:
        found = list(Reader(every=4).pictures(camera.url()))
    assert [(each.frame, each.is_live, each.source) for each in found] == [
        (number, True, camera.url()) for number in (0, 4, 8)
    ]
    assert [number_of(each.pixels) for each in found] == [0, 4, 8]


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("rtsp://me:word@host/yard", "yard"),
        ("rtsp://me:word@host", "host"),
        ("rtsp://me:wo/rd@host", "host"),
        ("rtsp://me:12/rd@host", "host"),
        ("rtsp://host/user=me_password=rd_channel=1.sdp", "user_me_password"),
        ("rtsp://host/a;pwd=rd", "a_pwd"),
        ("https://host/a/b.m3u8?key=rd", "b"),
    ],
)
def test_files_are_not_named_by_what_lets_one_in(address, label):
    assert [source.label for source in Reader().sources(address)] == [label]


def test_an_address_is_fetched(tmp_path):
    path = write_image(tmp_path / "a.jpg")
    with serving() as host:
        host.files["/a?x=1"] = path.read_bytes()
        (picture,) = Reader().pictures(f"{host.url}/a?x=1")
    (same,) = Reader().pictures(path)
    np.testing.assert_array_equal(picture.pixels, same.pixels)


def test_an_address_that_never_answers_is_one_error():
    with serving() as host:
        host.files["/a.jpg"], host.always["/a.jpg"] = b"x" * 100, ("stall", 10)
        reader = Reader(limits=Limits(max_seconds=0.3))
        message = "^cannot fetch http.*/a.jpg: it did not arrive within 0.3 seconds; replace it or"
        with pytest.raises(DataError, match=message):
            list(reader.pictures(f"{host.url}/a.jpg"))


def test_an_address_that_sends_too_much_is_one_error():
    with serving() as host:
        host.files["/a.jpg"] = bytes(1000)
        message = "^cannot fetch .*: it is larger than 999 bytes"
        with pytest.raises(DataError, match=message):
            list(Reader(limits=Limits(max_bytes=999)).pictures(f"{host.url}/a.jpg"))


def test_a_film_behind_an_address_is_opened_only_where_that_is_asked_for(tmp_path):
    film = write_video(tmp_path / "a.avi", 3, SIZE_HW)
    with serving() as host:
        host.files["/a"], host.kinds["/a"] = film.read_bytes(), "video/x-msvideo"
        with pytest.raises(DataError, match="^cannot fetch .*/a: it is a film, and not a picture"):
            list(Reader().pictures(f"{host.url}/a"))
        found = list(Reader(has_web_films=True, every=2).pictures(f"{host.url}/a"))
    assert [(each.frame, each.rate, each.is_live) for each in found] == [
        (0, 10, False),
        (2, 10, False),
    ]


def test_a_film_that_cannot_be_read_as_it_comes_is_copied_first(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    film = tmp_path / "a.mp4"  # its index is at the end, beyond what FFmpeg keeps for going back
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for _ in range(3):
        writer.write(np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8))
    writer.release()
    with serving() as host:
        host.knows_ranges = False
        for path, content in (("/a.mp4", film.read_bytes()), ("/b.mp4", b"#EXTM3U\nfile:///x\n")):
            host.files[path], host.kinds[path] = content, "video/mp4"
        found = list(Reader(has_web_films=True, every=2).pictures(f"{host.url}/a.mp4"))
        small = Reader(has_web_films=True, limits=Limits(max_bytes=999, max_seconds=5))
        with pytest.raises(DataError, match="a.mp4 gives no picture as it comes, as a film with"):
            list(small.pictures(f"{host.url}/a.mp4"))
        with pytest.raises(DataError, match="^cannot use the video http.*/b.mp4: it is a list of"):
            list(Reader(has_web_films=True).pictures(f"{host.url}/b.mp4"))
    assert [(each.source, each.frame, each.is_live) for each in found] == [
        (f"{host.url}/a.mp4", 0, False),
        (f"{host.url}/a.mp4", 2, False),
    ]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_hidden_files_are_passed_over(tmp_path):
    write(tmp_path, "a.png", "._a.png", ".hidden/b.png")
    assert sources(tmp_path) == sources(tmp_path, goes_down=True) == ["a.png"]


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        sum_ = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + sum_

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    pixels = zlib.compress(bytes(1000))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_an_image_bomb_is_refused_by_its_header(tmp_path):
    (tmp_path / "a.png").write_bytes(png_of(50_000, 50_000))
    message = "a.png: it has 50000 x 50000 pixels, allowed are 300000000; replace it or leave it"
    with pytest.raises(DataError, match=message):
        list(Reader().pictures(tmp_path / "a.png"))


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif"])
def test_every_format_has_the_limit(tmp_path, suffix):
    path = write_image(tmp_path / f"a.{suffix}")
    exact = 60 * 80
    assert sources(path, limits=Limits(max_pixels=exact)) == [path.name]
    with pytest.raises(DataError, match="it has 80 x 60 pixels, allowed are 4799"):
        list(Reader(limits=Limits(max_pixels=exact - 1)).pictures(path))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("none.jpg", "^there is no file or folder .*none.jpg; check the path"),
        ("none*.jpg", r"^no picture is like .*none\*.jpg; looked for .jpg"),
        ("empty", "^the folder .*empty holds no picture; looked for .jpg"),
        ("text.jpg", "text.jpg: it cannot be decoded: it is no JPEG, .*; replace it or"),
        ("notes.txt", "notes.txt: it cannot be decoded"),
        ("cut.jpg", "cut.jpg: the JPEG is cut off"),
        ("zero.jpg", "zero.jpg: the file is empty"),
        ("film.mp4", "cannot decode the video .*film.mp4"),
        (b"no image", "^cannot use the image bytes of an image: it cannot be decoded"),
        (b"", "bytes of an image: the file is empty"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, given, message):
    (tmp_path / "empty").mkdir()
    for name in ("text.jpg", "notes.txt", "film.mp4"):
        (tmp_path / name).write_text("no picture")
    (tmp_path / "zero.jpg").touch()
    content = write_image(tmp_path / "a.jpg", (100, 100)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    path = given if isinstance(given, bytes) else tmp_path / given
    with pytest.raises(DataError, match=message) as caught:
        list(Reader().pictures(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "pictures cannot be read from NoneType; give a path, a folder, a glob"),
        (1.5, "pictures cannot be read from float"),
        (True, "pictures cannot be read from bool"),
        (Image.new("RGB", (4, 4)), r'give a Pillow image as numpy.asarray\(image.convert\("RGB"'),
    ],
)
def test_what_holds_no_pictures_is_refused(given, message):
    with pytest.raises(OptionError, match=message):
        list(Reader().pictures([given]))


def test_arguments_are_checked():
    with pytest.raises(OptionError, match='color must be "rgb" or "bgr"; got \'RGB\''):
        Reader("RGB")
    with pytest.raises(OptionError, match="every must be at least 1; got 0"):
        Reader(every=0)


def test_bad_ones_are_told_and_left_out(tmp_path):
    write(tmp_path, "a.png", "c.png")
    (tmp_path / "b.png").write_text("no picture")
    told: list[str] = []
    reader = Reader(on_bad=lambda name, error: told.append(f"{Path(name).name}: {error}"))
    given = [tmp_path, tmp_path / "none.png", f"{tmp_path}/*.bmp", tmp_path / "a.png"]
    assert [Path(p.source).name for p in reader.pictures(given)] == ["a.png", "c.png", "a.png"]
    assert [line.partition(":")[0] for line in told] == ["b.png", "none.png", "*.bmp"]


def test_a_wrong_argument_is_no_bad_picture():
    reader = Reader(on_bad=lambda name, error: None)
    with pytest.raises(OptionError, match="order of its channels"):
        list(reader.pictures(np.zeros((4, 5, 3), np.uint8)))

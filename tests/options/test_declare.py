"""The machinery that makes parser, ini reader and tables from dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options import declare as cli


@dataclass(frozen=True)
class Engine:
    """engine"""

    power: int = cli.option(10, "power in watts", minimum=1, maximum=100)
    fuel: str = cli.option("coal", "what burns", choices=("coal", "wood"))
    turbo: bool = cli.option(False, "more")
    load: float = cli.option(0.0, "tons")


@dataclass(frozen=True)
class Train:
    """carriages"""

    engine: Engine = Engine()


def parse(*argv: str) -> Train:
    return cli.parse(Train, list(argv), prog="train", description="")


def write(folder: Path, text: str) -> str:
    path = folder / "options.ini"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_command_line_wins_over_file_wins_over_default(tmp_path: Path) -> None:
    config = write(tmp_path, "[engine]\npower = 20\nturbo = yes\n")
    assert parse() == Train(Engine(10, "coal", False))
    assert parse("--config", config) == Train(Engine(20, "coal", True))
    assert parse("--power", "30", "--config", config) == Train(Engine(30, "coal", True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[engin]\npower = 1\n", r"options.ini: unknown section \[engin\].*did you mean engine"),
        ("[engine]\npowr = 1\n", r"options.ini: \[engine\] has no key 'powr'; did you mean power"),
        ("[engine]\npower = x\n", r"options.ini: \[engine\] power must be a whole number; got 'x'"),
        ("[engine]\npower = 101\n", r"\[engine\] power must be at most 100; got 101"),
        ("[engine]\nturbo = maybe\n", r"\[engine\] turbo must be true or false; got 'maybe'"),
        ("[engine]\nfuel = gas\n", r"\[engine\] fuel must be one of coal, wood; got 'gas'"),
        ("[engine]\npower = 1\npower = 2\n", "not a valid ini file.*power"),
        ("power = 1\n", "not a valid ini file"),
        ("[en\u2028gin]\npower = 1\n", r"unknown section \[en\\u2028gin\]"),
        ("[DEFAULT]\npower = 1\n", r"unknown section \[DEFAULT\]; allowed: engine"),
        (
            "[engine]\npower = " + "1" * 5000,
            r"must be a whole number; got '1+'\.\.\. \(5000 ",
        ),
        ("[engine]\npower = " + "1" * 4000, r"power must be a whole number below 2\*\*63; got "),
        ("[engine]\nfuel = " + "x" * 5000, r"fuel must be one of coal, wood; got 'x+'\.\.\. "),
        ("[engine]\nload = 1e999\n", r"load must be a finite number; got '1e999'"),
        ("[engine]\nload = nan\n", r"load must be a finite number; got 'nan'"),
        ("[engine]\nload = ²\n", r"load must be a number; got '²'"),
    ],
)
def test_wrong_config_names_file_section_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        parse("--config", write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_config_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot read the options in .*none.ini: No such file"):
        parse("--config", str(tmp_path / "none.ini"))


def test_tilde_means_the_home_folder_where_no_shell_expands_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Paths:
        """paths"""

        near: str = cli.option("~/near", "a file")
        far: str = cli.option("", "a file")

    monkeypatch.setenv("HOME", "/h/ann")
    config = write(tmp_path, "[options]\nfar = ~/b\n")
    assert cli.parse(Paths, ["--far=~/a b"], prog="p", description="").far == "/h/ann/a b"
    assert cli.parse(Paths, ["--config", config], prog="p", description="").far == "/h/ann/b"
    assert cli.parse(Paths, ["--far", "a~b"], prog="p", description="") == Paths("~/near", "a~b")


def test_flat_values_and_assemble_are_inverse() -> None:
    command = parse("--power", "7", "--turbo")
    assert cli.flat_values(command) == {"power": 7, "fuel": "coal", "turbo": True, "load": 0.0}
    assert cli.assemble(Train, cli.flat_values(command)) == command


def test_namespace_prints_sorted_like_argparse() -> None:
    assert repr(cli.as_namespace(parse())) == (
        "Namespace(fuel='coal', load=0.0, power=10, turbo=False)"
    )


@dataclass(frozen=True)
class Wagon:
    """wagon"""

    cargo: str = cli.option("", "what it carries", several=True)
    axles: int = cli.option(2, "how many")


def test_several_words_are_one_text_on_the_command_line_and_in_a_file(tmp_path: Path) -> None:
    def wagon(*argv: str) -> Wagon:
        return cli.parse(Wagon, list(argv), prog="wagon", description="")

    path = write(tmp_path, "[options]\ncargo = ore,sand\n")
    assert wagon("--config", path).cargo == "ore,sand"
    assert wagon("--cargo", "ore", "sand", "--axles", "4") == Wagon("ore,sand", 4)
    with pytest.raises(OptionError, match="--cargo: expected at least one argument"):
        wagon("--cargo")


def test_what_is_stored_of_options_holds_no_password() -> None:
    @dataclass(frozen=True)
    class Options:
        mirror: str = cli.option("https://me:secret@host/a?token=abc&x=1", "where files are")
        folder: str = cli.option("a?token=abc", "a folder")

    stored = cli.flat_values(Options())
    assert stored == {"mirror": "https://***@host/a?token=***&x=1", "folder": "a?token=abc"}


def test_an_address_begins_as_one_and_is_not_shown_where_it_does_not(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Options:
        mirror: str = cli.address("", "where files are")

    def parsed(*argv: str) -> Options:
        return cli.parse(Options, list(argv), prog="fetch", description="")

    assert parsed("--mirror", "HTTPS://me:secret@host").mirror == "HTTPS://me:secret@host"
    assert parsed("--mirror", "").mirror == ""
    path = write(tmp_path, "[options]\nmirror = me:secret@host\n")
    for argv in (("--mirror", "me:secret@host"), ("--config", path)):
        with pytest.raises(OptionError, match="must begin with http:// or https://$"):
            parsed(*argv)
    with pytest.raises(OptionError, match=r"--miror=http://\*\*\*@host; did you mean --mirror\?"):
        parsed("--miror=http://me:secret@host")


def help_of(command: type) -> str:
    return cli.build_parser(command, prog="wagon", description="d").format_help()


def test_what_to_begin_with_stands_first_in_the_help_and_once() -> None:
    @dataclass(frozen=True)
    class Sorted(Wagon):
        """wagon"""

        begin_with = ("axles",)

    text = help_of(Sorted)
    assert text.startswith("usage: wagon [options]\n")
    assert text.index("to begin with:") < text.index("--axles") < text.index("further options:")
    assert text.index("further options:") < text.index("--cargo") and text.count("--axles") == 1
    assert "to begin with" not in help_of(Wagon)


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("--tensorboard", ""),
        ("--img-size", ""),
        ("--learning-rate", ""),
        ("--batchsize", "--batch-size"),
        ("--Batch_size", "--batch-size"),
        ("--epoch-size", "--epochs"),
        ("vok", "voc"),
    ],
)
def test_a_word_is_suggested_where_one_is_near(word: str, nearest: str) -> None:
    known = ["--no-crowd", "--batch-size", "--epochs", "--optimizer", "--lr", "--voc-07", "voc"]
    assert cli.suggestion(word, known) == (f"; did you mean {nearest}?" if nearest else "")

"""config_ssd.ini and the sections it is read into."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from gluon_ssd.cli import flags_of
from gluon_ssd.errors import OptionError
from gluon_ssd.options_tuning import TuningConfig, load_tuning_config

SHIPPED = Path(__file__).parent.parent / "config_ssd.ini"


def test_shipped_file_has_every_key_and_no_other() -> None:
    reader = configparser.ConfigParser(interpolation=None)
    reader.read(SHIPPED)
    keys = {(section, key) for section in reader.sections() for key in reader[section]}
    assert keys == {(flag.group, flag.name) for flag in flags_of(TuningConfig)}


def test_shipped_file_holds_the_defaults() -> None:
    assert load_tuning_config(str(SHIPPED)) == TuningConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[accurracy]\n", r"x.ini: unknown section \[accurracy\]; .*did you mean accuracy"),
        ("[exit]\ntimeot = 3\n", r"x.ini: \[exit\] has no key 'timeot'; did you mean timeout"),
        ("[exit]\ntimeout = soon\n", r"x.ini: \[exit\] timeout must be a whole number"),
        ("[strategy]\nname = random\n", r"x.ini: \[strategy\] name must be one of basic, mse"),
        ("[calibration]\nalgorithms = kll\n", r"x.ini: \[calibration\] algorithms must be among"),
        ("[calibration]\nsampling_sizes = 0\n", r"\[calibration\] sampling_sizes must be whole"),
        ("[accuracy]\ntolerable_loss = 2\n", r"\[accuracy\] tolerable_loss must be at most 1"),
    ],
)
def test_wrong_file_names_file_section_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.ini"
    path.write_text(text)
    with pytest.raises(OptionError, match=message):
        load_tuning_config(str(path))

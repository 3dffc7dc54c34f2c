"""Settings are one table; what is not in it is an error that says what is."""

from pathlib import Path

import pytest

from appliance.config import load_settings
from appliance.errors import BadInput


def written(home: Path, text: str) -> Path:
    (home / "backroom.toml").write_text(text, encoding="utf-8")
    return home


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.port == 8080
    assert settings.home == tmp_path


def test_the_command_line_outranks_the_file(tmp_path: Path) -> None:
    home = written(tmp_path, 'port = 9000\nstore = "0042"')
    settings = load_settings(home, {"port": 9001, "host": None})
    assert (settings.port, settings.store) == (9001, "0042")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot = 1", "unknown setting 'prot'"),
        ('port = "high"', "port must be a int"),
        ("port = true", "port must be a int"),
        ("ask_deadline_s = 'soon'", "ask_deadline_s must be a float"),
        ("port = ", "not valid TOML"),
        ('sign_in = "requierd"', "it is one of auto, required"),
        ('public_name = "https://shop.example"', "which is no host's name"),
        ('public_name = "shop.example:443"', "which is no host's name"),
        ('public_name = "shop..example"', "which is no host's name"),
        ("session_hours = 0", "over 0 and at most 744"),
        ("session_hours = -1.5", "over 0 and at most 744"),
        ("session_hours = 1e9", "over 0 and at most 744"),
        ("session_hours = nan", "over 0 and at most 744"),
    ],
)
def test_a_bad_file_is_refused_with_the_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        load_settings(written(tmp_path, text))

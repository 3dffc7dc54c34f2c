"""The `[gateway]` table is read strictly, and its secrets are nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import BadInput
from sync.errors import BadKey
from sync.hub.gateway.settings import GatewaySettings, UpstreamSettings, key_of
from sync.hub.settings import FILE_NAME, load_settings

ONE = '[[gateway.upstreams]]\nname = "main"\nbase_url = "https://vendor.example/v1"\n'


def read(home: Path, text: str, *, mode: int = 0o600) -> GatewaySettings:
    home.mkdir(exist_ok=True)
    (home / FILE_NAME).write_text(text)
    (home / FILE_NAME).chmod(mode)
    return GatewaySettings.of(load_settings(home))


def test_without_a_table_there_is_no_generalist(tmp_path: Path) -> None:
    assert read(tmp_path, "").upstreams == ()


def test_the_table_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, f'[gateway]\ntokens_a_day = 7\n{ONE}model = "m"\nprice_in = 2\n')

    assert found.tokens_a_day == 7
    assert found.upstreams == (
        UpstreamSettings("main", "https://vendor.example/v1", "m", price_in=2.0),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[gateway]\nspeed = 1\n", "unknown setting 'speed'"),
        ("[gateway]\ntokens_a_day = 0\n", "tokens_a_day must be over 0"),
        ("[gateway]\nmoney_a_day = -1\n", "at least 0"),
        ('[gateway]\ntries = "many"\n', "Not a GatewaySettings"),
        ("[gateway]\nupstreams = 3\n", "gateway.upstreams"),
        (ONE + ONE, "names of their own"),
        (ONE.replace("https", "ftp"), "needs a base_url"),
        (ONE.replace("vendor.example", "me:secret@vendor.example"), "needs a base_url"),
        (ONE + 'key = "a"\nkey_file = "b"\n', "Keep one"),
        (ONE + 'length_key = "n"\n', "length_key"),
        (ONE + 'omit = ["messages"]\n', "always sent"),
        (ONE + "weight = 3\n", "unknown setting 'weight'"),
    ],
)
def test_what_cannot_be_meant_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as found:
        read(tmp_path, text)

    assert "secret" not in str(found.value)


def test_a_key_comes_from_its_file_or_a_private_hub_toml(tmp_path: Path) -> None:
    (tmp_path / "vendor.key").write_text("sk-1\n")
    (tmp_path / "vendor.key").chmod(0o600)

    by_file = read(tmp_path, ONE + 'key_file = "vendor.key"\n').upstreams[0]
    by_table = read(tmp_path, ONE + 'key = "sk-2"\n').upstreams[0]

    assert key_of(by_file, tmp_path) == "sk-1"
    assert key_of(by_table, tmp_path) == "sk-2"
    assert "sk-" not in repr(by_table)


def test_a_secret_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "vendor.key").write_text("sk-1\n")
    (tmp_path / "vendor.key").chmod(0o644)
    by_file = read(tmp_path, ONE + 'key_file = "vendor.key"\n').upstreams[0]
    by_table = read(tmp_path, ONE + 'key = "sk-2"\n', mode=0o644).upstreams[0]

    with pytest.raises(BadKey, match="chmod 600"):
        key_of(by_file, tmp_path)
    with pytest.raises(BadInput, match="chmod 600"):
        key_of(by_table, tmp_path)

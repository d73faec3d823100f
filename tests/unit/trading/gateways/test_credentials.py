"""Who we are at a venue is read from where the settings say, and is never printed."""

import json
from pathlib import Path

import pytest

from aitrader.kernel.errors import BadInput
from trading.gateways import credentials


def _kept(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "binance.json"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return f"file:{path}"


def test_a_reference_is_read_and_prints_no_secret(tmp_path: Path) -> None:
    reference = _kept(tmp_path, json.dumps({"api_key": "KEY-1", "api_secret": "SECRET-1"}))
    found = credentials.read(reference, venue="BINANCE")
    assert found.api_secret.get_secret_value() == "SECRET-1"
    assert "SECRET-1" not in repr(found)
    assert "KEY-1" not in str(found)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ('{"api_key": "K", "api_secret": "S"}', 0o644, "others may read it"),
        ("not json SECRET-2", 0o600, "not JSON"),
        ('{"api_key": "K"}', 0o600, "not JSON with api_key and api_secret"),
        ('["SECRET-2"]', 0o600, "not JSON"),
    ],
)
def test_a_bad_file_is_one_line_without_a_secret(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        credentials.read(_kept(tmp_path, text, mode), venue="BINANCE")
    assert "SECRET-2" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_no_reference_and_no_file_are_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="AITRADER_BINANCE_CREDENTIALS"):
        credentials.read("", venue="BINANCE")
    with pytest.raises(BadInput, match="No such file"):
        credentials.read(f"file:{tmp_path}/nothing", venue="BINANCE")

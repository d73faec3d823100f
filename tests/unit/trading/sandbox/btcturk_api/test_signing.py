"""Signatures and stamps of BTCTurk's sandbox."""

import json
from pathlib import Path

import pytest

from trading.sandbox.btcturk_api.signing import Key, Stamps

VECTORS = Path(__file__).parents[6] / "shared/data/wire/btcturk/signing_vectors.json"
KEY = Key("someone", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "btcturk-1")


def test_signatures_are_those_of_the_venue() -> None:
    if not VECTORS.exists():
        pytest.skip("../shared/data/wire/btcturk/signing_vectors.json is not here")
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert vectors
    for each in vectors:
        key = Key(each["public_key"], each["private_key"], "btcturk-1")
        assert key.sign(str(each["stamp"])) == each["signature"]
        assert key.signed(str(each["stamp"]), each["signature"])
        assert not key.signed(str(each["stamp"] + 1), each["signature"])


@pytest.mark.parametrize("signature", ["", "x", "====", "c2lnbmVk", "é", "\x00"])
def test_what_is_no_signature_is_none(signature: str) -> None:
    assert not KEY.signed("1618923402000", signature)


def test_a_stamp_counts_once_for_each_key() -> None:
    stamps = Stamps()
    assert stamps.use("one", 1_000)
    assert not stamps.use("one", 1_000)
    assert stamps.use("two", 1_000)
    assert stamps.use("one", 999)


def test_stamps_are_forgotten_when_they_are_no_good_any_more() -> None:
    stamps = Stamps()
    for stamp in range(0, 100_000, 1_000):
        assert stamps.use("one", stamp)
    assert stamps.remembered("one") <= 12

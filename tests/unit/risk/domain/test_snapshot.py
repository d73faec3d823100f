from datetime import datetime
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput
from risk.domain.limits import LimitKey
from tests.factories.risk import intent, snapshot, view

NAIVE = datetime(2026, 3, 2)  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize("bad", [D("NaN"), D("Infinity"), D("1e20"), D("1e-19"), 1.5])
@pytest.mark.parametrize("name", ["order_qty", "price", "reference_px", "shared_qty"])
def test_an_intent_holds_only_numbers_that_can_be_stored(name: str, bad: Any) -> None:
    with pytest.raises(BadInput, match=name):
        intent(**{name: bad})


@pytest.mark.parametrize("name", ["mark", "rate"])
@pytest.mark.parametrize("bad", [D(0), D(-1), D("NaN")])
def test_a_price_is_positive(name: str, bad: D) -> None:
    with pytest.raises(BadInput, match=name):
        view(**{name: bad})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("volatility", D("-0.1")),
        ("reserved_buy_qty", D(-1)),
        ("reserved_sell_qty", D(-1)),
        ("min_qty", D(-1)),
        ("mark_at", NAIVE),
        ("feed_interval_seconds", 0),
    ],
)
def test_a_view_refuses_what_cannot_be(name: str, bad: Any) -> None:
    with pytest.raises(BadInput):
        view(**{name: bad})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("now", NAIVE),
        ("equity", D("NaN")),
        ("day_start_equity", D("Infinity")),
        ("peak_equity", D("NaN")),
        ("free", {"USDT": D("NaN")}),
        ("fee_rate", D("-0.1")),
        ("open_orders", -1),
        ("orders_today", -1),
        ("notional_today", D(-1)),
        ("limits", {LimitKey.MAX_DAY_LOSS: D(0)}),
    ],
)
def test_a_snapshot_refuses_what_cannot_be(name: str, bad: Any) -> None:
    with pytest.raises(BadInput):
        snapshot(**{name: bad})


def test_an_instrument_never_seen_is_flat_and_unknown() -> None:
    unseen = snapshot().view("SIM:XRP-USDT")
    assert (unseen.quantity, unseen.mark, unseen.volatility) == (0, None, None)

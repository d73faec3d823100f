from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.errors import BadInput
from risk.domain.limits import LimitKey
from tests.factories.risk import intent, snapshot, view

NAIVE = datetime(2026, 3, 2)  # noqa: DTZ001 # the point of the test


@pytest.mark.parametrize(
    "bad", [Decimal("NaN"), Decimal("Infinity"), Decimal("1e20"), Decimal("1e-19"), 1.5]
)
@pytest.mark.parametrize("name", ["order_qty", "price", "reference_px", "shared_qty"])
def test_an_intent_holds_only_numbers_that_can_be_stored(name: str, bad: Any) -> None:
    with pytest.raises(BadInput, match=name):
        intent(**{name: bad})


@pytest.mark.parametrize("name", ["mark", "rate"])
@pytest.mark.parametrize("bad", [Decimal(0), Decimal(-1), Decimal("NaN")])
def test_a_price_is_positive(name: str, bad: Decimal) -> None:
    with pytest.raises(BadInput, match=name):
        view(**{name: bad})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("volatility", Decimal("-0.1")),
        ("reserved_buy_qty", Decimal(-1)),
        ("reserved_sell_qty", Decimal(-1)),
        ("min_qty", Decimal(-1)),
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
        ("equity", Decimal("NaN")),
        ("day_start_equity", Decimal("Infinity")),
        ("peak_equity", Decimal("NaN")),
        ("free", {"USDT": Decimal("NaN")}),
        ("fee_rate", Decimal("-0.1")),
        ("open_orders", -1),
        ("orders_today", -1),
        ("notional_today", Decimal(-1)),
        ("limits", {LimitKey.MAX_DAY_LOSS: Decimal(0)}),
    ],
)
def test_a_snapshot_refuses_what_cannot_be(name: str, bad: Any) -> None:
    with pytest.raises(BadInput):
        snapshot(**{name: bad})


def test_an_instrument_never_seen_is_flat_and_unknown() -> None:
    unseen = snapshot().view("SIM:XRP-USDT")
    assert unseen.quantity == 0
    assert unseen.mark is None
    assert unseen.volatility is None

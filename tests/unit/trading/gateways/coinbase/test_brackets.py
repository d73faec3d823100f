"""A bracket of the venue as the two orders that it is to us."""

from typing import Any

import pytest

from aitrader.kernel.errors import RejectedByVenue
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import amount
from tests.unit.trading.gateways.coinbase.scripted import new_order, told_order
from trading.domain.ports import NewOrder
from trading.gateways.coinbase import brackets

S, T = "S" * 32, "T" * 32
SETTINGS = {"base_size": "1.0", "limit_price": "61000", "stop_trigger_price": "59000"}
GROUP = {"side": Side.SELL, "order_qty": amount("1"), "oco_group": "G"}


def _pair(**changes: Any) -> list[NewOrder]:
    stop = new_order(
        cl_ord_id=S, ord_type=OrdType.STOP, price=None, stop_px=amount("59000"), **GROUP
    )
    target = {"cl_ord_id": T, "ord_type": OrdType.LIMIT_IF_TOUCHED, "price": amount("61000")}
    return [stop, new_order(**{**GROUP, **target, **changes})]


def _told(**changes: Any) -> dict[str, Any]:
    usual = {
        "client_order_id": f"{S}_{T}", "side": "SELL", "trigger_status": "STOP_PENDING",
        "order_configuration": {"trigger_bracket_gtc": SETTINGS},
    }  # fmt: skip
    return told_order(**{**usual, **changes})


def _fill(price: str, size: str, **changes: Any) -> dict[str, Any]:
    return {"price": price, "size": size, "trade_type": "FILL", **changes}


def _seen(order: dict[str, Any], *fills: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [
        (told["client_order_id"], told["status"], told["filled_size"], len(mine))
        for told, mine in brackets.apart(order, fills)
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_the_two_are_one_body_whatever_their_order(turned: bool) -> None:
    pair = _pair()[::-1] if turned else _pair()
    assert brackets.body(pair) == {
        "client_order_id": f"{S}_{T}",
        "product_id": "BTC-USD",
        "side": "SELL",
        "order_configuration": {
            "trigger_bracket_gtc": {
                "base_size": "1", "limit_price": "61000", "stop_trigger_price": "59000",
            }
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"side": Side.BUY},
        {"order_qty": amount("2")},
        {"instrument": "COINBASE:ETH-USD"},
        {"time_in_force": TimeInForce.GTD},
        {"stop_px": amount("60500")},
        {"ord_type": OrdType.LIMIT},
    ],
)
def test_what_is_no_bracket_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RejectedByVenue):
        brackets.body(_pair(**changes))
    with pytest.raises(RejectedByVenue):
        brackets.body(_pair()[:1])


def test_a_bracket_that_buys_or_lasts_otherwise_is_refused() -> None:
    for changes in ({"side": Side.BUY}, {"time_in_force": TimeInForce.GTD}):
        with pytest.raises(RejectedByVenue, match="until it is cancelled"):
            brackets.body([new_order(**_fields(each) | changes) for each in _pair()])


def _fields(order: NewOrder) -> dict[str, Any]:
    return {name: getattr(order, name) for name in NewOrder.__slots__}


def test_while_it_rests_both_rest() -> None:
    assert _seen(_told()) == [(S, "OPEN", "0", 0), (T, "OPEN", "0", 0)]


def test_at_the_limit_or_better_the_target_sold_below_it_the_stop() -> None:
    fills = [_fill("61000", "0.2"), _fill("61000.5", "0.1"), _fill("60999.99", "0.7")]
    told = _told(status="FILLED", filled_size="1", trigger_status="STOP_TRIGGERED")
    assert _seen(told, *fills) == [(S, "CANCELLED", "0.7", 1), (T, "CANCELLED", "0.3", 2)]


@pytest.mark.parametrize(
    ("price", "states"), [("61000", ["CANCELLED", "FILLED"]), ("58900", ["FILLED", "CANCELLED"])]
)
def test_who_sold_all_of_it_is_filled_and_the_other_cancelled(
    price: str, states: list[str]
) -> None:
    told = _told(status="FILLED", filled_size="1")
    assert [state for _, state, _, _ in _seen(told, _fill(price, "1"))] == states


def test_a_cancelled_bracket_is_two_cancelled_orders() -> None:
    told = _told(status="CANCELLED", filled_size="0.4")
    assert _seen(told, _fill("61000", "0.4")) == [
        (S, "CANCELLED", "0", 0), (T, "CANCELLED", "0.4", 1),
    ]  # fmt: skip


def test_while_fills_are_missing_neither_is_over() -> None:
    told = _told(status="FILLED", filled_size="1")
    assert _seen(told, _fill("61000", "0.4")) == [(S, "OPEN", "0", 0), (T, "OPEN", "0.4", 1)]


def test_a_correction_is_no_fill() -> None:
    told = _told(status="FILLED", filled_size="1")
    correction = _fill("61000", "1", trade_type="CORRECTION")
    assert _seen(told, _fill("61000", "1"), correction)[1] == (T, "FILLED", "1", 1)


@pytest.mark.parametrize(
    ("status", "sizes", "likely"),
    [("STOP_PENDING", ["0", "0.4"], T), ("STOP_TRIGGERED", ["0.4", "0"], S)],
)
def test_a_list_without_fills_tells_of_the_side_that_works(
    status: str, sizes: list[str], likely: str
) -> None:
    told = _told(trigger_status=status, filled_size="0.4")
    assert [each["filled_size"] for each, _ in brackets.apart(told)] == sizes
    assert brackets.likely(told) == likely


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"client_order_id": "by-hand"}, ["by-hand"]),
        ({"client_order_id": "a_b_c"}, ["a_b_c"]),
        ({"client_order_id": "_b"}, ["_b"]),
        ({"client_order_id": "web-stop_web-target"}, ["web-stop_web-target"]),
        ({"client_order_id": None}, []),
        ({"order_configuration": {"limit_limit_gtc": {}}}, [f"{S}_{T}"]),
        ({"order_configuration": None}, [f"{S}_{T}"]),
    ],
)
def test_what_is_no_bracket_of_ours_stays_one_order(
    changes: dict[str, Any], names: list[str]
) -> None:
    told = _told(**changes)
    assert brackets.names(told) == names
    assert brackets.likely(told) == (names or [""])[0]
    assert [order for order, _ in brackets.apart(told)] == [told]

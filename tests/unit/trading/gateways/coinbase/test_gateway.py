"""The gateway to Coinbase over a line of which every answer is written here."""

from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, Side, TimeInForce
from tests.unit.trading.gateways.coinbase.scripted import (
    ME,
    cancel,
    gateway_on,
    new_order,
    page,
    query,
    taken,
    told_order,
)
from trading.gateways.coinbase import errors


def test_an_order_that_was_taken_is_new_whatever_reason_for_failure_stands_there() -> None:
    gateway, line = gateway_on(orders=[taken()])
    (report,) = gateway.submit(**ME, order=new_order())
    assert (report.exec_type, report.order_id, report.cl_ord_id) == (ExecType.NEW, "o-1", "A")
    assert line.asked == [
        (
            "/orders",
            {
                "client_order_id": "A",
                "product_id": "BTC-USD",
                "side": "BUY",
                "order_configuration": {
                    "limit_limit_gtc": {
                        "base_size": "0.01",
                        "limit_price": "50000",
                        "post_only": False,
                    }
                },
            },
        )
    ]


def test_the_same_order_is_the_same_words_whenever_it_is_sent() -> None:
    gateway, line = gateway_on(orders=[taken()])
    for sent_at in (EPOCH, EPOCH.replace(year=2026)):
        gateway.submit(**ME, order=new_order(sent_at=sent_at))
    first, second = (body for _, body in line.asked)
    assert repr(first) == repr(second)


@pytest.mark.parametrize(
    ("changes", "configuration"),
    [
        (
            {"ord_type": OrdType.MARKET, "price": None, "time_in_force": TimeInForce.IOC},
            {"market_market_ioc": {"base_size": "0.01"}},
        ),
        (
            {"time_in_force": TimeInForce.IOC},
            {"sor_limit_ioc": {"base_size": "0.01", "limit_price": "50000"}},
        ),
        (
            {"time_in_force": TimeInForce.FOK},
            {"limit_limit_fok": {"base_size": "0.01", "limit_price": "50000"}},
        ),
    ],
)
def test_each_order_has_its_configuration(
    changes: dict[str, Any], configuration: dict[str, Any]
) -> None:
    gateway, line = gateway_on(orders=[taken(order_configuration=configuration)])
    gateway.submit(**ME, order=new_order(**changes))
    assert line.asked[0][1]["order_configuration"] == configuration


@pytest.mark.parametrize(
    ("ord_type", "side", "direction"),
    [
        (OrdType.STOP_LIMIT, Side.SELL, "STOP_DIRECTION_STOP_DOWN"),
        (OrdType.STOP_LIMIT, Side.BUY, "STOP_DIRECTION_STOP_UP"),
        (OrdType.LIMIT_IF_TOUCHED, Side.SELL, "STOP_DIRECTION_STOP_UP"),
        (OrdType.LIMIT_IF_TOUCHED, Side.BUY, "STOP_DIRECTION_STOP_DOWN"),
    ],
)
def test_a_stop_waits_for_the_loss_and_a_target_for_the_gain(
    ord_type: OrdType, side: Side, direction: str
) -> None:
    gateway, line = gateway_on(orders=[taken(side=side.value, order_configuration=None)])
    gateway.submit(**ME, order=new_order(ord_type=ord_type, side=side, stop_px=D(51_000)))
    (settings,) = line.asked[0][1]["order_configuration"].values()
    assert (settings["stop_direction"], settings["stop_price"]) == (direction, "51000")


@pytest.mark.parametrize(
    "changes",
    [
        {"ord_type": OrdType.STOP, "price": None, "stop_px": D(1)},
        {"ord_type": OrdType.TRAILING_STOP, "price": None, "trailing_bps": D(50)},
        {"ord_type": OrdType.MARKET_IF_TOUCHED, "price": None, "stop_px": D(1)},
        {"ord_type": OrdType.STOP_LIMIT, "stop_px": D(1), "time_in_force": TimeInForce.IOC},
        {"ord_type": OrdType.MARKET, "price": None, "time_in_force": TimeInForce.FOK},
        {"time_in_force": TimeInForce.GTD},
    ],
)
def test_an_order_that_the_venue_has_no_words_for_is_refused_and_not_sent(
    changes: dict[str, Any],
) -> None:
    gateway, line = gateway_on()
    with pytest.raises(RejectedByVenue, match="UNSUPPORTED_ORDER_CONFIGURATION"):
        gateway.submit(**ME, order=new_order(**changes))
    assert line.asked == []


@pytest.mark.parametrize(
    "other",
    [
        {"product_id": "ETH-USD"},
        {"side": "SELL"},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "0.02"}}},
        {"order_configuration": {"limit_limit_gtc": {"limit_price": "50000.01"}}},
        {"order_configuration": {"limit_limit_gtc": {"quote_size": "10"}}},
        {"order_configuration": {"limit_limit_fok": {"base_size": "0.01"}}},
        {"order_configuration": {"market_market_ioc": {"base_size": "0.01"}}},
    ],
)
def test_another_order_under_our_id_means_that_ours_was_never_made(other: dict[str, Any]) -> None:
    gateway, _ = gateway_on(orders=[taken(**other)])
    with pytest.raises(RejectedByVenue) as refused:
        gateway.submit(**ME, order=new_order())
    assert refused.value.code == errors.CL_ORD_ID_TAKEN


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        "ok",
        {"success": None},
        {"success": "true", "success_response": {"order_id": "o-1", "client_order_id": "A"}},
        {"success": True},
        {"success": True, "success_response": {"order_id": "", "client_order_id": "A"}},
        taken(client_order_id="B"),
        taken(order_configuration={"limit_limit_gtc": {"base_size": "much"}}),
    ],
)
def test_an_answer_that_does_not_say_enough_is_an_unknown_outcome(answer: Any) -> None:
    gateway, _ = gateway_on(orders=[answer])
    with pytest.raises(OutcomeUnknown):
        gateway.submit(**ME, order=new_order())


def test_an_id_that_is_used_already_is_to_be_asked_about() -> None:
    told = {"success": False, "error_response": {"error": "DUPLICATE_CLIENT_ORDER_ID"}}
    gateway, _ = gateway_on(orders=[told])
    with pytest.raises(OutcomeUnknown):
        gateway.submit(**ME, order=new_order())


def test_an_order_of_ours_is_asked_for_by_the_id_that_the_answer_told() -> None:
    gateway, line = gateway_on(
        orders=[taken()], **{"o-1": [{"order": told_order()}]}, fills=[page(name="fills")]
    )
    gateway.submit(**ME, order=new_order())
    assert [each.exec_type for each in query(gateway)] == [ExecType.NEW]
    assert [path for path, _ in line.asked[1:]] == [
        "/orders/historical/o-1",
        "/orders/historical/fills",
    ]


def test_an_order_of_another_process_is_looked_for_page_by_page_in_its_time() -> None:
    others = page(told_order(order_id="o-9", client_order_id="Z"), cursor="next")
    gateway, line = gateway_on(
        batch=[others, page(told_order(), cursor="more")],
        **{"o-1": [{"order": told_order()}]},
        fills=[page(name="fills")],
    )
    assert query(gateway)[0].order_id == "o-1"
    first, second = (asked for path, asked in line.asked if path.endswith("batch"))
    assert (first["cursor"], second["cursor"]) == (None, "next")
    assert first["start_date"] == "1969-12-25T00:00:00.000000Z"
    assert first["product_ids"] == ["BTC-USD"]


def test_an_order_that_no_list_shows_is_not_known_and_gone_for_whoever_cancels_it() -> None:
    gateway, line = gateway_on(batch=[page()])
    assert query(gateway) is None
    with pytest.raises(RejectedByVenue) as refused:
        cancel(gateway)
    assert refused.value.gone
    statuses = [asked["order_status"] for _, asked in line.asked if "order_status" in asked]
    assert len(statuses) == 3


def test_an_order_that_the_venue_took_and_a_lagging_read_does_not_show_is_not_known_yet() -> None:
    gateway, _ = gateway_on(orders=[taken()], **{"o-1": [RejectedByVenue("NOT_FOUND", "")]})
    gateway.submit(**ME, order=new_order())
    assert query(gateway) is None


@pytest.mark.parametrize(
    "other",
    [
        {"side": "SELL"},
        {"client_order_id": "B"},
        {"order_id": "o-2"},
        {"order_configuration": {"limit_limit_gtc": {"base_size": "9"}}},
    ],
)
def test_an_order_that_is_not_the_one_we_sent_is_not_adopted(other: dict[str, Any]) -> None:
    gateway, _ = gateway_on(orders=[taken()], **{"o-1": [{"order": told_order(**other)}]})
    gateway.submit(**ME, order=new_order())
    with pytest.raises(OutcomeUnknown):
        query(gateway)


def test_fills_are_read_to_the_last_page_however_short_the_pages_are() -> None:
    def fill(number: int) -> dict[str, Any]:
        return {
            "trade_id": f"t{number}", "order_id": "o-1", "size": "0.001", "price": "1",
            "trade_time": "2026-01-01T00:00:00Z", "commission": "0",
        }  # fmt: skip

    pages = [{"fills": [fill(n)], "cursor": f"c{n}"} for n in range(3)]
    gateway, _ = gateway_on(
        batch=[page(told_order())],
        **{"o-1": [{"order": told_order(filled_size="0.003")}]},
        fills=[*pages, {"fills": [], "cursor": ""}],
    )
    trades = [each for each in query(gateway) if each.exec_type is ExecType.TRADE]
    assert [each.exec_id for each in trades] == ["t2", "t1", "t0"]
    assert trades[-1].cum_qty == D("0.003")


def test_pages_that_lead_to_themselves_are_not_read_for_ever() -> None:
    gateway, _ = gateway_on(batch=[page(cursor="same")])
    with pytest.raises(OutcomeUnknown, match="pages without end"):
        gateway.open_orders(**ME)


def test_open_orders_are_those_that_wait_that_rest_and_that_are_being_cancelled() -> None:
    waits = told_order(status="PENDING", order_id="o-1", client_order_id="A")
    rests = told_order(status="OPEN", order_id="o-2", client_order_id="B", filled_size="0.002")
    ends = told_order(status="CANCEL_QUEUED", order_id="o-3", client_order_id="C")
    moved_on = told_order(status="OPEN", order_id="o-1", client_order_id="A", filled_size="0.001")
    gateway, line = gateway_on(batch=[page(waits), page(rests, moved_on), page(ends)])
    found = {each.cl_ord_id: each.cum_qty for each in gateway.open_orders(**ME)}
    assert found == {"A": D("0.001"), "B": D("0.002"), "C": D(0)}
    statuses = [asked["order_status"] for _, asked in line.asked]
    assert statuses == [["PENDING", "QUEUED"], ["OPEN"], ["CANCEL_QUEUED"]]

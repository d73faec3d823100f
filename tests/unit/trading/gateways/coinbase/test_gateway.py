"""The gateway to Coinbase over a line of which every answer is written here."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType, OrdType, Side, TimeInForce
from trading.domain.ports import NewOrder
from trading.gateways.coinbase import errors
from trading.gateways.coinbase.gateway import CoinbaseGateway

CODE = "COINBASE:BTC-USD"
ME = {"account": "me"}
LIMIT = {"limit_limit_gtc": {"base_size": "0.010", "limit_price": "50000.0", "post_only": False}}


class _Line:
    """Answers by path, in turn; an error is raised. What was asked is kept."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {path: list(each) for path, each in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def now(self) -> datetime:
        return EPOCH

    def read(self, path: str, **params: Any) -> Any:
        return self._answer(path, params)

    def write(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._answer(path, dict(body))

    def _answer(self, path: str, asked: dict[str, Any]) -> Any:
        self.asked.append((path, asked))
        name = path.removeprefix("/orders/historical/").removeprefix("/orders/").strip("/")
        answers = self._answers[name]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, GatewayError):
            raise answer
        return answer


def _gateway(**answers: Any) -> tuple[CoinbaseGateway, _Line]:
    line = _Line(**answers)
    return CoinbaseGateway(line), line  # type: ignore[arg-type]  # what a Connection is used for


def _new(**changes: Any) -> NewOrder:
    usual: dict[str, Any] = {
        "cl_ord_id": "A", "instrument": CODE, "side": Side.BUY, "ord_type": OrdType.LIMIT,
        "order_qty": D("0.01"), "time_in_force": TimeInForce.GTC, "sent_at": EPOCH,
        "price": D(50_000),
    }  # fmt: skip
    return NewOrder(**{**usual, **changes})


def _taken(**changes: Any) -> dict[str, Any]:
    told = {"order_id": "o-1", "product_id": "BTC-USD", "side": "BUY", "client_order_id": "A"}
    return {
        "success": True,
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "success_response": told | changes,
        "order_configuration": changes.get("order_configuration", LIMIT),
    }


def _order(**changes: Any) -> dict[str, Any]:
    told = {
        "order_id": "o-1", "client_order_id": "A", "product_id": "BTC-USD", "side": "BUY",
        "status": "OPEN", "filled_size": "0", "created_time": "2026-01-01T00:00:00Z",
        "order_configuration": LIMIT,
    }  # fmt: skip
    return told | changes


def _page(*found: dict[str, Any], cursor: str = "", name: str = "orders") -> dict[str, Any]:
    return {name: list(found), "has_next": bool(cursor), "cursor": cursor}


def _result(**changes: Any) -> dict[str, Any]:
    told = {
        "success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "o-1"
    }  # fmt: skip
    return {"results": [told | changes]}


def _cancel(gateway: CoinbaseGateway) -> Any:
    return gateway.cancel(**ME, instrument=CODE, cl_ord_id="A", at=EPOCH)


def _query(gateway: CoinbaseGateway) -> Any:
    return gateway.query(**ME, instrument=CODE, cl_ord_id="A")


def test_an_order_that_was_taken_is_new_whatever_reason_for_failure_stands_there() -> None:
    gateway, line = _gateway(orders=[_taken()])
    (report,) = gateway.submit(**ME, order=_new())
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
    gateway, line = _gateway(orders=[_taken()])
    for sent_at in (EPOCH, EPOCH.replace(year=2026)):
        gateway.submit(**ME, order=_new(sent_at=sent_at))
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
    gateway, line = _gateway(orders=[_taken(order_configuration=configuration)])
    gateway.submit(**ME, order=_new(**changes))
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
    gateway, line = _gateway(orders=[_taken(side=side.value, order_configuration=None)])
    gateway.submit(**ME, order=_new(ord_type=ord_type, side=side, stop_px=D(51_000)))
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
    gateway, line = _gateway()
    with pytest.raises(RejectedByVenue, match="UNSUPPORTED_ORDER_CONFIGURATION"):
        gateway.submit(**ME, order=_new(**changes))
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
    gateway, _ = _gateway(orders=[_taken(**other)])
    with pytest.raises(RejectedByVenue) as refused:
        gateway.submit(**ME, order=_new())
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
        _taken(client_order_id="B"),
        _taken(order_configuration={"limit_limit_gtc": {"base_size": "much"}}),
    ],
)
def test_an_answer_that_does_not_say_enough_is_an_unknown_outcome(answer: Any) -> None:
    gateway, _ = _gateway(orders=[answer])
    with pytest.raises(OutcomeUnknown):
        gateway.submit(**ME, order=_new())


def test_an_id_that_is_used_already_is_to_be_asked_about() -> None:
    told = {"success": False, "error_response": {"error": "DUPLICATE_CLIENT_ORDER_ID"}}
    gateway, _ = _gateway(orders=[told])
    with pytest.raises(OutcomeUnknown):
        gateway.submit(**ME, order=_new())


def test_an_order_of_ours_is_asked_for_by_the_id_that_the_answer_told() -> None:
    gateway, line = _gateway(
        orders=[_taken()], **{"o-1": [{"order": _order()}]}, fills=[_page(name="fills")]
    )
    gateway.submit(**ME, order=_new())
    assert [each.exec_type for each in _query(gateway)] == [ExecType.NEW]
    assert [path for path, _ in line.asked[1:]] == [
        "/orders/historical/o-1",
        "/orders/historical/fills",
    ]


def test_an_order_of_another_process_is_looked_for_page_by_page_in_its_time() -> None:
    others = _page(_order(order_id="o-9", client_order_id="Z"), cursor="next")
    gateway, line = _gateway(
        batch=[others, _page(_order(), cursor="more")],
        **{"o-1": [{"order": _order()}]},
        fills=[_page(name="fills")],
    )
    assert _query(gateway)[0].order_id == "o-1"
    first, second = (asked for path, asked in line.asked if path.endswith("batch"))
    assert (first["cursor"], second["cursor"]) == (None, "next")
    assert first["start_date"] == "1969-12-25T00:00:00.000000Z"
    assert first["product_ids"] == ["BTC-USD"]


def test_an_order_that_no_list_shows_is_not_known() -> None:
    gateway, _ = _gateway(batch=[_page()])
    assert _query(gateway) is None
    with pytest.raises(RejectedByVenue) as refused:
        _cancel(gateway)
    assert not refused.value.gone


def test_an_order_that_the_venue_took_and_a_lagging_read_does_not_show_is_not_known_yet() -> None:
    gateway, _ = _gateway(orders=[_taken()], **{"o-1": [RejectedByVenue("NOT_FOUND", "")]})
    gateway.submit(**ME, order=_new())
    assert _query(gateway) is None


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
    gateway, _ = _gateway(orders=[_taken()], **{"o-1": [{"order": _order(**other)}]})
    gateway.submit(**ME, order=_new())
    with pytest.raises(OutcomeUnknown):
        _query(gateway)


def test_fills_are_read_to_the_last_page_however_short_the_pages_are() -> None:
    def fill(number: int) -> dict[str, Any]:
        return {
            "trade_id": f"t{number}", "order_id": "o-1", "size": "0.001", "price": "1",
            "trade_time": "2026-01-01T00:00:00Z", "commission": "0",
        }  # fmt: skip

    pages = [{"fills": [fill(n)], "cursor": f"c{n}"} for n in range(3)]
    gateway, _ = _gateway(
        batch=[_page(_order())],
        **{"o-1": [{"order": _order(filled_size="0.003")}]},
        fills=[*pages, {"fills": [], "cursor": ""}],
    )
    trades = [each for each in _query(gateway) if each.exec_type is ExecType.TRADE]
    assert [each.exec_id for each in trades] == ["t2", "t1", "t0"]
    assert trades[-1].cum_qty == D("0.003")


def test_pages_that_lead_to_themselves_are_not_read_for_ever() -> None:
    gateway, _ = _gateway(batch=[_page(cursor="same")])
    with pytest.raises(OutcomeUnknown, match="pages without end"):
        gateway.open_orders(**ME)


def test_open_orders_are_those_that_wait_that_rest_and_that_are_being_cancelled() -> None:
    waits = _order(status="PENDING", order_id="o-1", client_order_id="A")
    rests = _order(status="OPEN", order_id="o-2", client_order_id="B", filled_size="0.002")
    ends = _order(status="CANCEL_QUEUED", order_id="o-3", client_order_id="C")
    moved_on = _order(status="OPEN", order_id="o-1", client_order_id="A", filled_size="0.001")
    gateway, line = _gateway(batch=[_page(waits), _page(rests, moved_on), _page(ends)])
    found = {each.cl_ord_id: each.cum_qty for each in gateway.open_orders(**ME)}
    assert found == {"A": D("0.001"), "B": D("0.002"), "C": D(0)}
    statuses = [asked["order_status"] for _, asked in line.asked]
    assert statuses == [["PENDING", "QUEUED"], ["OPEN"], ["CANCEL_QUEUED"]]


def test_a_cancel_is_done_when_the_order_says_so() -> None:
    gateway, line = _gateway(
        batch=[_page(_order())],
        batch_cancel=[_result()],
        **{"o-1": [{"order": _order(status="CANCELLED", filled_size="0.004")}]},
    )
    report = _cancel(gateway)
    assert (report.exec_type, report.cum_qty, report.cl_ord_id) == (
        ExecType.CANCELED,
        D("0.004"),
        "A",
    )
    assert ("/orders/batch_cancel", {"order_ids": ["o-1"]}) in line.asked


@pytest.mark.parametrize(
    ("result", "order", "proves", "gone"),
    [
        (_result(), _order(status="CANCEL_QUEUED"), OutcomeUnknown, None),
        (_result(), _order(status="OPEN"), OutcomeUnknown, None),
        (_result(), _order(status="FILLED", filled_size="0.01"), RejectedByVenue, True),
        (_result(), NotSent("silence"), OutcomeUnknown, None),
        (_result(), RejectedByVenue("NOT_FOUND", ""), OutcomeUnknown, None),
        (_result(order_id="o-2"), _order(), OutcomeUnknown, None),
        ({"results": []}, _order(), OutcomeUnknown, None),
        (
            _result(success=False, failure_reason="UNKNOWN_CANCEL_ORDER"),
            _order(),
            RejectedByVenue,
            True,
        ),
        (
            _result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            _order(status="FILLED", filled_size="0.01"),
            RejectedByVenue,
            True,
        ),
        (
            _result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            _order(),
            RejectedByVenue,
            False,
        ),
        (
            _result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            OutcomeUnknown("no answer"),
            RejectedByVenue,
            False,
        ),
        (_result(success=False), _order(), OutcomeUnknown, None),
        (
            _result(success=False, failure_reason="DUPLICATE_CANCEL_REQUEST"),
            _order(),
            OutcomeUnknown,
            None,
        ),
    ],
)
def test_what_a_cancel_proves(
    result: Any, order: Any, proves: type[GatewayError], gone: bool | None
) -> None:
    told = order if isinstance(order, GatewayError) else {"order": order}
    gateway, _ = _gateway(batch=[_page(_order())], batch_cancel=[result], **{"o-1": [told]})
    with pytest.raises(proves) as refused:
        _cancel(gateway)
    if isinstance(refused.value, RejectedByVenue):
        assert refused.value.gone is gone

"""A line to Coinbase of which every answer is written by the test."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal as D
from typing import Any

from aitrader.kernel.clock import EPOCH
from aitrader.kernel.errors import GatewayError
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from trading.domain.ports import NewOrder
from trading.gateways.coinbase.gateway import CoinbaseGateway

CODE = "COINBASE:BTC-USD"
ME = {"account": "me"}
LIMIT = {"limit_limit_gtc": {"base_size": "0.010", "limit_price": "50000.0", "post_only": False}}


class Line:
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


def gateway_on(**answers: Any) -> tuple[CoinbaseGateway, Line]:
    line = Line(**answers)
    return CoinbaseGateway(line), line  # type: ignore[arg-type]  # what a Connection is used for


def new_order(**changes: Any) -> NewOrder:
    usual: dict[str, Any] = {
        "cl_ord_id": "A", "instrument": CODE, "side": Side.BUY, "ord_type": OrdType.LIMIT,
        "order_qty": D("0.01"), "time_in_force": TimeInForce.GTC, "sent_at": EPOCH,
        "price": D(50_000),
    }  # fmt: skip
    return NewOrder(**{**usual, **changes})


def taken(**changes: Any) -> dict[str, Any]:
    told = {"order_id": "o-1", "product_id": "BTC-USD", "side": "BUY", "client_order_id": "A"}
    return {
        "success": True,
        "failure_reason": "UNKNOWN_FAILURE_REASON",
        "success_response": told | changes,
        "order_configuration": changes.get("order_configuration", LIMIT),
    }


def told_order(**changes: Any) -> dict[str, Any]:
    told = {
        "order_id": "o-1", "client_order_id": "A", "product_id": "BTC-USD", "side": "BUY",
        "status": "OPEN", "filled_size": "0", "created_time": "2026-01-01T00:00:00Z",
        "order_configuration": LIMIT,
    }  # fmt: skip
    return told | changes


def page(*found: dict[str, Any], cursor: str = "", name: str = "orders") -> dict[str, Any]:
    return {name: list(found), "has_next": bool(cursor), "cursor": cursor}


def result(**changes: Any) -> dict[str, Any]:
    told = {
        "success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "o-1"
    }  # fmt: skip
    return {"results": [told | changes]}


def cancel(gateway: CoinbaseGateway) -> Any:
    return gateway.cancel(**ME, instrument=CODE, cl_ord_id="A", at=EPOCH)


def query(gateway: CoinbaseGateway) -> Any:
    return gateway.query(**ME, instrument=CODE, cl_ord_id="A")

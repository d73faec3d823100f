"""The operator's door of the sandbox: faults, book, accounts, clock. Loopback only.

1. It tells the truth of the exchange, never what a lagging read would answer.
2. A page in a browser cannot reach it: the request must name a loopback host.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson
from aiohttp import web

from aitrader.kernel.clock import iso, monotonic
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import Side
from trading.sandbox.connection import Connection
from trading.sandbox.faults import FaultPlan
from trading.sandbox.rules import Refused, Status
from trading.sandbox.stage import Stage

_EVERYTHING = 1_000_000
_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
_LONGEST_CUT_SECONDS = 86_400.0
_MOVES = ("deposit", "withdraw", "lock", "unlock")
Handler = Callable[[web.Request], Awaitable[dict[str, Any]]]


class Control:
    """/control/faults, /control/book, /control/account, /control/clock, /control/network."""

    def __init__(self, stage: Stage, connections: Callable[[], Iterable[Connection]]) -> None:
        self._stage = stage
        self._connections = connections

    def add_to(self, app: web.Application) -> None:
        for name, read, change in (
            ("faults", self._faults, self._set_faults),
            ("book", self._book, self._change_book),
            ("account", self._account, self._move),
            ("clock", self._clock, self._set_clock),
            ("network", self._network, self._cut_network),
        ):
            app.router.add_get(f"/control/{name}", _guarded(read))
            app.router.add_post(f"/control/{name}", _guarded(change))

    async def _faults(self, _request: web.Request) -> dict[str, Any]:
        plan = self._stage.plan
        return {"plan": plan.text, "seed": self._stage.seed, "knobs": plan.knobs}

    async def _set_faults(self, request: web.Request) -> dict[str, Any]:
        """`plan` and `seed` begin anew; `streams` is what happens to every open one: cut, shutdown
        (cut after notice) or silence."""
        asked = await request.json()
        if "plan" in asked:
            seed = int(asked.get("seed", self._stage.seed))
            self._stage.set_plan(FaultPlan(asked["plan"], seed), seed)
        streams = asked.get("streams")
        for connection in list(self._connections()) if streams else ():
            if streams == "silence":
                connection.hush()
            else:
                connection.cut(notice=streams == "shutdown")
        return await self._faults(request)

    async def _book(self, request: web.Request) -> dict[str, Any]:
        instrument = request.query["instrument"]
        exchange = self._stage.exchange
        depth = exchange.depth(instrument, _EVERYTHING)
        return {
            "instrument": instrument,
            "status": exchange.status(instrument),
            "last_px": exchange.last_px(instrument),
            "last_update_id": depth.last_update_id,
            "bids": depth.bids,
            "asks": depth.asks,
            "trades": [
                asdict(each)
                for each in exchange.records.public_trades(instrument, limit=_EVERYTHING)
            ],
        }

    async def _change_book(self, request: web.Request) -> dict[str, Any]:
        """An order of somebody else (`side`, `qty`, and `price` unless it takes what there is),
        or a new `status` of the instrument."""
        asked = await request.json()
        instrument, now = asked["instrument"], self._stage.now()
        if "status" in asked:
            self._stage.exchange.set_status(instrument, Status(asked["status"]), now=now)
            return {"status": self._stage.exchange.status(instrument)}
        price = asked.get("price")
        outcome = self._stage.trade(
            instrument,
            Side(asked["side"]),
            Decimal(asked["qty"]),
            None if price is None else Decimal(price),
        )
        if isinstance(outcome, Refused):
            raise BadInput(f"{outcome.reason}: {outcome.text}")
        return {"order": asdict(outcome.order)}

    async def _account(self, request: web.Request) -> dict[str, Any]:
        account, records = request.query["account"], self._stage.exchange.records
        return {
            "account": account,
            "balances": [asdict(each) for each in records.balances(account)],
            "orders": [asdict(each) for each in records.all_orders(account, limit=_EVERYTHING)],
            "fills": [asdict(each) for each in records.account_trades(account, limit=_EVERYTHING)],
            "lists": [asdict(each) for each in records.order_lists(account, limit=_EVERYTHING)],
        }

    async def _move(self, request: web.Request) -> dict[str, Any]:
        """`account`, and one of deposit, withdraw, lock, unlock with `asset` and `amount`."""
        asked = await request.json()
        name = asked["move"]
        if name not in _MOVES:
            raise BadInput(f"{name!r} is none of {', '.join(_MOVES)}")
        act = getattr(self._stage.exchange, name)
        outcome = act(
            asked["account"], asked["asset"], Decimal(asked["amount"]), now=self._stage.now()
        )
        if isinstance(outcome, Refused):
            raise BadInput(f"{outcome.reason}: {outcome.text}")
        return {"moved": asked["amount"]}

    async def _network(self, _request: web.Request) -> dict[str, Any]:
        left = max(0.0, self._stage.unreachable_until - monotonic())
        return {"cut": left > 0, "seconds_left": round(left, 1)}

    async def _cut_network(self, request: web.Request) -> dict[str, Any]:
        """Nobody gets through for so many `seconds`: requests and streams die without a word."""
        seconds = float((await request.json())["seconds"])
        if not 0 <= seconds <= _LONGEST_CUT_SECONDS:
            raise BadInput(f"seconds: 0 to {_LONGEST_CUT_SECONDS:.0f}")
        self._stage.unreachable_until = monotonic() + seconds
        for connection in list(self._connections()):
            connection.hush()
            connection.cut(notice=False)
        return await self._network(request)

    async def _clock(self, _request: web.Request) -> dict[str, Any]:
        offset = self._stage.offset.total_seconds()
        return {"now": iso(self._stage.now()), "offset_seconds": offset}

    async def _set_clock(self, request: web.Request) -> dict[str, Any]:
        """How far the exchange's clock is ahead of the machine's."""
        self._stage.offset = timedelta(seconds=(await request.json())["offset_seconds"])
        return await self._clock(request)


def _guarded(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer in JSON; a wrong request is one line, a strange caller gets nothing."""

    async def handle(request: web.Request) -> web.Response:
        host = request.host.rsplit(":", 1)[0]
        if host not in _HOSTS or not ipaddress.ip_address(request.remote or "::").is_loopback:
            return web.Response(status=403)
        try:
            told = await handler(request)
        except (BadInput, ValueError, KeyError, TypeError, InvalidOperation) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, 400)
        return _json(told, 200)

    return handle


def _json(told: dict[str, Any], status: int) -> web.Response:
    body = orjson.dumps(told, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(status=status, body=body, content_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return dict(value)

"""Kraken's REST API on the sandbox exchange, as far as ccxt asks for it.

1. Every answer is HTTP 200; a failure is a list of words beside no result.
2. A request is signed over its path, nonce and body; a nonce is greater than every one before it.
3. A client order id is free text up to 18 characters or 32 hex digits, unique among open orders.
4. The answer to an order tells its id and nothing of its trades.

Source: docs.kraken.com (Spot REST API; Spot Client Order Identifiers; Spot Error Messages). The
words for a client order id that is in use are not documented: they are a guess.
"""

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from aitrader.kernel.clock import from_millis
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from tests.contract.gateways import kraken_rows as rows
from trading.sandbox import calls, garbage
from trading.sandbox.accounts import FeeIn, Fees
from trading.sandbox.candles import Klines
from trading.sandbox.connection import Connection
from trading.sandbox.events import Event, TradeEvent
from trading.sandbox.face import Base, Offer, secret
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.orders import NewOrder, Order
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing, Refusal, Refused
from trading.sandbox.stage import Stage

Json = dict[str, Any]
_START = {"USD": Decimal(100_000), "BTC": Decimal(2), "ETH": Decimal(20)}
_FEES = Fees(maker=Decimal("0.0025"), taker=Decimal("0.004"), fee_in=FeeIn.QUOTE)
_WORDS = {
    Refusal.INSUFFICIENT_BALANCE: "EOrder:Insufficient funds",
    Refusal.PRICE_TICK: "EOrder:Invalid price:XBT/USD price can only be specified up to 2 decimals",
    Refusal.QTY_LOT: "EGeneral:Invalid arguments:volume",
    Refusal.QTY_RANGE: "EOrder:Order minimum not met",
    Refusal.MIN_NOTIONAL: "EOrder:Cost minimum not met",
    Refusal.MARKET_CLOSED: "EService:Market in cancel_only mode",
    Refusal.CANCEL_ONLY: "EService:Market in cancel_only mode",
    Refusal.WOULD_TAKE: "EOrder:Post only order",
    Refusal.DUPLICATE_CL_ORD_ID: "EOrder:Duplicate cl_ord_id",
}
_STOPPED = {
    Outcome.RATE_LIMIT: "EAPI:Rate limit exceeded",
    Outcome.BAN: "EGeneral:Temporary lockout",
    Outcome.MAINTENANCE: "EService:Unavailable",
    Outcome.KEY_REVOKED: "EAPI:Invalid key",
    Outcome.REFUSE_FILTER: "EOrder:Order minimum not met",
    Outcome.REFUSE_BALANCE: "EOrder:Insufficient funds",
}
_KINDS = {"AddOrder": Request.ORDER, "CancelOrder": Request.CANCEL}
_HEX = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_PAGE, _MOST_NAMED, _BARS = 50, 20, 720
_DIALECT = garbage.Dialect(
    amount=re.compile(rb'"(\d+)\.(\d{8})"'),
    contradiction=b'"error":["EGeneral:Internal error"],',
    error=b'{"error":["EGeneral:Internal error"]}',
)


class Said(calls.ApiError):
    """The words of a failure."""

    def __init__(self, words: str) -> None:
        super().__init__(words, status=200)

    def body(self) -> Json:
        return {"error": list(self.args)}


_UNKNOWN = Said("EGeneral:Internal error"), Said("EService:Deadline elapsed")


@dataclass(frozen=True, slots=True)
class _Call:
    """`given` are the parameters; each must be one that the endpoint knows."""

    account: str
    given: Mapping[str, str]
    records: Records
    fate: RequestFate
    now: datetime


class KrakenFace:
    """Implements `Face` for one account."""

    def __init__(self, stage: Stage, account: str, seed: int) -> None:
        self._stage = stage
        self._account = account
        self.api_key = base64.b64encode(secret("key", account, seed)).decode()
        self._secret = secret("sign", account, seed) + secret("more", account, seed)
        self._nonce = 0
        self._candles = {each.instrument: Klines() for each in rows.LISTINGS}
        self._public: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "Time": self._time, "AssetPairs": self._pairs, "OHLC": self._bars,
        }  # fmt: skip
        self._private: dict[str, Callable[[_Call], Any]] = {
            "AddOrder": self._place, "CancelOrder": self._cancel, "OpenOrders": self._open,
            "ClosedOrders": self._closed, "QueryOrders": self._named_orders,
            "QueryTrades": self._named_trades, "TradesHistory": self._history,
            "BalanceEx": self._balances,
        }  # fmt: skip
        stage.listen(self._on_event)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/0/public/{name}", self._answer_public)
        app.router.add_post("/0/private/{name}", self._answer_private)

    def connections(self) -> Iterable[Connection]:
        return ()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def told(self, base: Base) -> Json:
        api_secret = base64.b64encode(self._secret).decode()
        return {
            "rest": f"http://{base.plain}",
            "api_key": self.api_key,
            "api_secret": api_secret,
            "accounts": [{"account": self._account}],
        }

    async def _answer_public(self, request: web.Request) -> web.StreamResponse:
        work = self._public[request.match_info["name"]]
        return await self._perform(request, Request.PUBLIC, lambda _fate: work(request.query))

    async def _answer_private(self, request: web.Request) -> web.StreamResponse:
        name, body = request.match_info["name"], await request.text()

        def work(fate: RequestFate) -> Any:
            given = dict(parse_qsl(body, strict_parsing=True))
            self._authorise(request, given, body)
            records = self._stage.seen_by(fate)
            now = self._stage.now()
            if self._stage.plan.knobs["same_ms"]:
                now = now.replace(microsecond=0)
            return self._private[name](_Call(self._account, given, records, fate, now))

        return await self._perform(request, _KINDS.get(name, Request.READ), work)

    async def _perform(
        self, request: web.Request, kind: Request, work: Callable[[RequestFate], Any]
    ) -> web.StreamResponse:
        async def act(fate: RequestFate, _answer: calls.Answer) -> Json:
            if fate.outcome in _STOPPED:
                raise Said(_STOPPED[fate.outcome])
            return {"error": [], "result": work(fate)}

        try:
            answer = await calls.perform(self._stage, kind, act, unknown=_UNKNOWN)
        except calls.Dropped:
            return calls.drop(request)
        data, headers = garbage.write(answer.body, answer.status, answer.spoiled, _DIALECT)
        return web.Response(status=answer.status, body=data, headers=headers)

    def _authorise(self, request: web.Request, given: dict[str, str], body: str) -> None:
        nonce = given.pop("nonce", "")
        message = request.path.encode() + hashlib.sha256((nonce + body).encode()).digest()
        digest = hmac.new(self._secret, message, hashlib.sha512).digest()
        if request.headers.get("API-Key") != self.api_key:
            raise Said("EAPI:Invalid key")
        if request.headers.get("API-Sign") != base64.b64encode(digest).decode():
            raise Said("EAPI:Invalid signature")
        if not nonce.isdigit() or int(nonce) <= self._nonce:
            raise Said("EAPI:Invalid nonce")
        self._nonce = int(nonce)

    def _time(self, given: Mapping[str, str]) -> Json:
        return {"unixtime": int(self._stage.now().timestamp())}

    def _pairs(self, given: Mapping[str, str]) -> Json:
        return {rows.pair_of(each): self._pair_rules(each) for each in rows.LISTINGS}

    def _pair_rules(self, listing: Listing) -> Json:
        return {
            "altname": listing.instrument,
            "wsname": f"{listing.instrument[:3]}/USD",
            "base": rows.ASSETS[listing.base],
            "quote": rows.ASSETS[listing.quote],
            "pair_decimals": 2,
            "lot_decimals": 8,
            "fees": [[0, 0.4], [10000, 0.35]],
            "fees_maker": [[0, 0.25], [10000, 0.2]],
            "ordermin": "0.00001",
            "costmin": "0.5",
            "tick_size": "0.01",
            "status": "online",
        }

    def _bars(self, given: Mapping[str, str]) -> Json:
        pair, minutes = given["pair"], int(given.get("interval", "1"))
        symbol = next(each.instrument for each in rows.LISTINGS if rows.pair_of(each) == pair)
        since = from_millis(int(given.get("since", "0")) * 1000)
        found = self._candles[symbol].between(f"{minutes}m", None, self._stage.now(), _BARS)
        told: list[list[Any]] = [
            [
                int(each.open_time.timestamp()),
                *(rows.text(number) for number in (each.open, each.high, each.low, each.close)),
                rows.text(each.close), rows.text(each.volume), each.trades,
            ]
            for each in found
            if each.open_time > since
        ]  # fmt: skip
        return {pair: told, "last": told[-1][0] if told else 0}

    def _place(self, call: _Call) -> Json:
        given = _known(call, "pair", "type", "ordertype", "volume", "price", "price2",
                       "timeinforce", "oflags", "cl_ord_id")  # fmt: skip
        named = given.get("cl_ord_id", "")
        if len(named) > 18 and not _HEX.fullmatch(named):
            raise Said("EGeneral:Invalid arguments:cl_ord_id")
        kind, symbol = rows.TYPES[given["ordertype"]], rows.symbol_of(given["pair"])
        if symbol is None:
            raise Said("EQuery:Unknown asset pair")
        price, second = (rows.decimal(given.get(name)) for name in ("price", "price2"))
        waits = kind not in (OrdType.MARKET, OrdType.LIMIT)
        request = NewOrder(
            call.account,
            symbol,
            Side(given["type"].upper()),
            kind,
            order_qty=Decimal(given["volume"]),
            price=second if waits else price,
            stop_px=price if waits else None,
            time_in_force=TimeInForce(given.get("timeinforce", "GTC")),
            cl_ord_id=named,
            post_only="post" in given.get("oflags", "").split(","),
        )
        placed = self._stage.exchange.submit(request, now=call.now)
        if isinstance(placed, Refused):
            raise Said(_WORDS.get(placed.reason, "EGeneral:Invalid arguments"))
        return {
            "descr": {"order": rows.sentence(placed.order)},
            "txid": [rows.order_id(placed.order.order_id)],
        }

    def _cancel(self, call: _Call) -> Json:
        given = _known(call, "txid", "cl_ord_id")
        found = _mine(call, given)
        if found is not None and call.fate.fill_first:
            self._stage.meet(found)
        if found is None:
            raise Said("EOrder:Unknown order")
        ended = self._stage.exchange.cancel(
            call.account, None, order_id=found.order_id, now=call.now
        )
        if isinstance(ended, Refused):
            raise Said("EOrder:Unknown order")
        return {"count": 1}

    def _open(self, call: _Call) -> Json:
        given = _known(call, "trades", "cl_ord_id", "userref")
        found = call.records.open_orders(call.account)
        return {"open": self._orders(call, given, found)}

    def _closed(self, call: _Call) -> Json:
        given = _known(call, "trades", "cl_ord_id", "userref", "start", "end", "ofs")
        found = [
            each
            for each in reversed(call.records.all_orders(call.account, limit=1_000_000))
            if not each.is_open
        ]
        told = self._orders(call, given, found)
        start = int(given.get("ofs", "0"))
        page = dict(list(told.items())[start : start + self._page()])
        return {"closed": page, "count": len(told)}

    def _orders(self, call: _Call, given: Mapping[str, str], found: Iterable[Order]) -> Json:
        named = given.get("cl_ord_id")
        return {
            rows.order_id(each.order_id): rows.of_order(
                call.records, each, with_trades=given.get("trades") == "true"
            )
            for each in found
            if named in (None, each.cl_ord_id)
        }

    def _named_orders(self, call: _Call) -> Json:
        given = _known(call, "txid", "trades", "userref")
        found = _mine(call, given)
        if found is None:
            raise Said("EOrder:Unknown order")
        return self._orders(call, {"trades": given.get("trades", "").lower()}, [found])

    def _named_trades(self, call: _Call) -> Json:
        names = _known(call, "txid", "trades")["txid"].split(",")
        if len(names) > _MOST_NAMED or "" in names:
            raise Said("EGeneral:Invalid arguments")
        fills = call.records.account_trades(call.account, limit=1_000_000)
        told = {rows.trade_id(each): rows.of_trade(call.records, each) for each in fills}
        return {name: told[name] for name in names}

    def _history(self, call: _Call) -> Json:
        given = _known(call, "start", "end", "ofs")
        since = Decimal(given.get("start", "0"))
        fills = [
            each
            for each in reversed(call.records.account_trades(call.account, limit=1_000_000))
            if rows.seconds(each.transact_time) > since
        ]
        start = int(given.get("ofs", "0"))
        page = fills[start : start + self._page()]
        return {
            "trades": {rows.trade_id(e): rows.of_trade(call.records, e) for e in page},
            "count": len(fills),
        }

    def _balances(self, call: _Call) -> Json:
        return {
            rows.ASSETS[each.asset]: {
                "balance": rows.text(each.total),
                "hold_trade": rows.text(each.locked),
            }
            for each in call.records.balances(call.account)
        }

    def _page(self) -> int:
        return int(self._stage.plan.knobs["page_limit"]) or _PAGE

    def _on_event(self, event: Event) -> None:
        if isinstance(event, TradeEvent) and event.trade.instrument in self._candles:
            self._candles[event.trade.instrument].add(event.trade)


def _known(call: _Call, *names: str) -> Mapping[str, str]:
    """The parameters; a strange one is more than the venue would mind."""
    strange = call.given.keys() - set(names)
    if strange:
        raise Said(f"EGeneral:Invalid arguments:{', '.join(sorted(strange))}")
    return call.given


def _mine(call: _Call, given: Mapping[str, str]) -> Order | None:
    if "cl_ord_id" in given:
        return call.records.order(call.account, None, cl_ord_id=given["cl_ord_id"])
    return call.records.order(call.account, None, order_id=int(given["txid"][1:7]))


def _fees(knobs: Mapping[str, Decimal]) -> Fees:
    return _FEES


def _make(stage: Stage, *, accounts: Sequence[str], fees: Fees, seed: int) -> KrakenFace:
    return KrakenFace(stage, accounts[0], seed)


OFFER = Offer(listings=rows.LISTINGS, balances=_START, fees=_fees, make=_make)

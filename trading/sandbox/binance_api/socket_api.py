"""Binance's WebSocket API: requests, and the accounts' own streams.

1. A request means what the same one over REST means: one table of operations serves both.
2. Requests are worked on side by side; each answer carries its request's `id`.
3. An account has at most one subscription on a connection; ids count from 0.

Source: binance-spot-api-docs, web-socket-api.md.
"""

import asyncio
from collections import deque
from typing import Any

import orjson
from aiohttp import web

from trading.sandbox.binance_api import errors, garbage, signing, user_events
from trading.sandbox.binance_api.amounts import millis
from trading.sandbox.binance_api.calls import Call, Operation, Security, perform
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.binance_api.operations import METHODS
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.binance_api.signing import Key
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.calls import Answer, Dropped
from trading.sandbox.connection import Connection, Delivery
from trading.sandbox.events import Event
from trading.sandbox.faults import Garbage, Request

Json = dict[str, Any]
_REMEMBERED = 100


class SocketApi:
    """/ws-api/v3 and everybody connected to it."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.sessions: set[Session] = set()
        #: Of each account, for a connection that repeats the past at its start.
        self.past: dict[str, deque[Json]] = {}
        venue.stage.listen(self._on_event)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/ws-api/v3", self.handle)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        session = Session(self, request)
        self.sessions.add(session)
        try:
            return await session.connection.serve(request, session.on_text)
        finally:
            session.close()
            self.sessions.discard(session)

    def _on_event(self, event: Event) -> None:
        account = user_events.account_of(event)
        if account is None or account not in self.venue.fees:
            return
        for message in user_events.told(event, self.venue.stage.exchange.records):
            self.past.setdefault(account, deque(maxlen=_REMEMBERED)).append(message)
            for session in self.sessions:
                session.tell(account, message)


class Session:
    """One connection with its subscriptions."""

    def __init__(self, api: SocketApi, request: web.Request) -> None:
        self._api = api
        self._venue = api.venue
        self._address = request.remote or ""
        self._with_limits = request.query.get("returnRateLimits") != "false"
        self._fate = self._venue.stage.next_connection()
        self.connection = Connection(self._fate, self._farewell)
        self._streams: dict[str, tuple[int, Delivery]] = {}
        self._next_id = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._own = {
            "userDataStream.subscribe.signature": self._operation(self._subscribe, signed=True),
            "userDataStream.unsubscribe": self._operation(self._unsubscribe),
            "session.subscriptions": self._operation(self._subscriptions),
        }

    async def on_text(self, text: str) -> None:
        task = asyncio.create_task(self._answer(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell(self, account: str, message: Json) -> None:
        if account in self._streams:
            self._streams[account][1](message)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _answer(self, text: str) -> None:
        try:
            asked = orjson.loads(text)
            method, params = asked["method"], dict(asked.get("params") or {})
            operation = self._own.get(method) or METHODS.get(method.removeprefix("v3/"))
        except (ValueError, KeyError, TypeError, AttributeError):
            self.connection.send(_refused(None, errors.bad_json()))
            return
        if operation is None:
            self.connection.send(_refused(asked.get("id"), errors.unknown_method()))
            return
        try:
            answer = await perform(
                self._venue,
                operation,
                lambda: Parameters.of_json(params),
                self._authorise,
                address=self._address,
            )
        except Dropped:
            return
        shown = params.get("returnRateLimits", self._with_limits)
        self._write(asked.get("id"), answer, operation, with_limits=shown)

    def _write(
        self, number: object, answer: Answer, operation: Operation, *, with_limits: bool
    ) -> None:
        told: Json = {"id": number, "status": answer.status}
        told["result" if answer.status < 400 else "error"] = answer.body
        if with_limits:
            told["rateLimits"] = self._limits(answer, operation)
        if answer.spoiled.garbage is Garbage.GZIP_BOMB or answer.status in {502, 504}:
            # A frame is not compressed here, and no gateway writes pages into a socket.
            self.connection.send(told)
            return
        data, _ = garbage.write(told, answer.status, answer.spoiled)
        self.connection.send_text(data.decode())

    def _limits(self, answer: Answer, operation: Operation) -> list[Json]:
        now, limits = self._venue.stage.now(), self._venue.limits
        orders = operation.kind in {Request.ORDER, Request.REPLACE} and answer.who
        told = limits.order_status(answer.who, now) if orders else []
        return [*told, limits.weight_status(self._address, now)]

    def _authorise(self, params: Parameters) -> Key:
        key = signing.find_key(self._venue.keys, params.required("apiKey"))
        signature = params.required("signature")
        signing.check_signature(key, signing.socket_payloads(params.given), signature)
        return key

    def _operation(self, handler: Any, *, signed: bool = False) -> Operation:
        security = Security.USER_DATA if signed else Security.NONE
        return Operation(handler, 2, security, Request.READ if signed else Request.PUBLIC)

    def _subscribe(self, call: Call) -> Json:
        call.finish()
        if call.account in self._streams:
            raise errors.subscribed()
        number, self._next_id = self._next_id, self._next_id + 1
        account, stage = call.account, self._venue.stage

        def send(message: Json, delay: Any) -> None:
            self.connection.send({"subscriptionId": number, "event": message}, delay)

        self._streams[account] = (
            number,
            Delivery(
                send,
                lambda event: stage.plan.event(f"binance:{account}", event, stage.elapsed()),
                user_events.changed,
            ),
        )
        if self._fate.replay:
            # After the answer: a client cannot place events of a subscription it does not know.
            past = list(self._api.past.get(account, ()))[-self._fate.replay :]
            for message in past:
                asyncio.get_running_loop().call_soon(send, message, call.fate.answer_delay)
        return {"subscriptionId": number}

    def _unsubscribe(self, call: Call) -> Json:
        asked = call.params.integer("subscriptionId")
        call.finish()
        ended = {a: n for a, (n, _) in self._streams.items() if asked is None or n == asked}
        if asked is not None and not ended:
            raise errors.not_subscribed()
        for account, number in ended.items():
            del self._streams[account]
            event = user_events.terminated(millis(call.now))
            self.connection.send({"subscriptionId": number, "event": event})
        return {}

    def _subscriptions(self, call: Call) -> list[Json]:
        call.finish()
        return [{"subscriptionId": number} for number, _ in self._streams.values()]

    def _farewell(self) -> Json:
        return {"event": user_events.shutdown(millis(self._venue.stage.now()))}


def _refused(number: object, error: ApiError) -> Json:
    return {"id": number, "status": error.status, "error": error.body()}

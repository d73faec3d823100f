"""One request from its arrival to its answer.

1. Order of checks: token, patience, then after the way to the engine the token's time again, then
   the engine. Without a token a public request counts for its address.
2. A fault stops a request before the engine, or spoils the answer of one that was acted on; which
   of the two is the plan's word, never a matter of timing.
3. A plan's refusal of a good order is the handler's to tell: it never hides an order that exists.

Source: docs.cdp.coinbase.com, Advanced Trade API; venues.md 2.1 and 2.3.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trading.sandbox.coinbase_api import errors, signing
from trading.sandbox.coinbase_api.errors import ApiError
from trading.sandbox.coinbase_api.parameters import Query, read_body
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing

Json = dict[str, Any]


class Dropped(Exception):
    """The request gets no answer: the connection ends instead."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it came in. `uri` is what its token has to be for."""

    uri: str
    query: tuple[tuple[str, str], ...]
    body: bytes
    token: str | None
    address: str


@dataclass(slots=True)
class Call:
    """One authorised request with its parameters and its fate; `named` stood in the path."""

    venue: Venue
    query: Query
    body: Json
    named: str
    account: str
    fate: RequestFate
    now: datetime

    @property
    def records(self) -> Records:
        """What a read answers from: the engine's truth, or what a lagging database knows."""
        if self.fate.stale > timedelta(0):
            return self.venue.stage.past(self.fate.stale)
        return self.venue.stage.exchange.records

    def listing(self, symbol: str) -> Listing:
        """Raises ApiError 404 for a product that is not listed."""
        found = self.venue.listing(symbol)
        if found is None:
            raise errors.not_found(f"product {symbol} not found")
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """What a path means: its handler, what kind of request it is, whether its body is read."""

    handler: Callable[[Call], Any]
    kind: Request = Request.READ
    with_body: bool = False

    @property
    def public(self) -> bool:
        return self.kind is Request.PUBLIC


@dataclass(slots=True)
class Answer:
    """What goes back to `who`; the protocol turns `spoiled` into bytes that nobody may trust."""

    status: int
    body: Any
    who: str
    retry_after_seconds: int | None = None
    spoiled: RequestFate = field(default_factory=RequestFate)


async def perform(venue: Venue, operation: Operation, named: str, wire: Wire) -> Answer:
    """Answer one request. Raises Dropped if the plan leaves it without an answer."""
    number, fate = venue.stage.next_request(operation.kind)
    if fate.outcome is Outcome.LOSE:
        await pause(fate.delay)
        raise Dropped
    call = Call(venue, Query(()), {}, named, "", fate, venue.stage.now())
    who = wire.address
    try:
        token = None
        if not operation.public:
            token = signing.verify(venue.keys, wire.token or "", call.now, wire.uri)
            call.account, who = token.key.account, token.key.name
        body = await _act(call, operation, wire, token, who)
        answer = Answer(200, body, who)
    except ApiError as error:
        answer = Answer(error.status, error.body(), who, error.retry_after_seconds)
    await pause(fate.answer_delay)
    return _spoil(answer, fate, number)


async def pause(length: timedelta) -> None:
    if length > timedelta(0):
        await asyncio.sleep(length.total_seconds())


async def _act(
    call: Call, operation: Operation, wire: Wire, token: signing.Token | None, who: str
) -> Any:
    venue, fate = call.venue, call.fate
    if fate.outcome in {Outcome.BAN, Outcome.RATE_LIMIT}:
        if fate.outcome is Outcome.BAN:
            venue.limits.shut_out(who, call.now, fate.retry_after)
        raise errors.impatience(max(1, -(-fate.retry_after // timedelta(seconds=1))))
    venue.limits.charge(who, call.now)
    knobs = venue.stage.plan.knobs
    call.query = Query(wire.query, int(knobs["page_limit"]) or None)
    if operation.with_body:
        call.body = read_body(wire.body)
    await pause(fate.delay)
    call.now = venue.stage.now()
    if token is not None:
        token.check_time(call.now)
    if fate.outcome is Outcome.KEY_REVOKED:
        raise errors.unauthorized()
    if fate.outcome is Outcome.MAINTENANCE:
        raise errors.unavailable()
    if knobs["same_ms"]:
        call.now = call.now.replace(microsecond=0)
    return operation.handler(call)


def _spoil(answer: Answer, fate: RequestFate, number: int) -> Answer:
    """Take the truth out of the answer to a request that the plan answers badly."""
    match fate.outcome:
        case Outcome.ACCEPT_NO_ANSWER:
            raise Dropped
        case Outcome.TIMEOUT_CODE:
            unknown = errors.internal() if number % 2 else errors.timed_out()
            return Answer(unknown.status, unknown.body(), answer.who)
        case Outcome.HTTP_502:
            answer.status = 502
        case Outcome.HTTP_504:
            answer.status = 504
    answer.spoiled = fate
    return answer

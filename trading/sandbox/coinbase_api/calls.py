"""One request from its arrival to its answer.

1. Order of checks: token, patience, then after the way to the engine the token's time again, then
   the engine. Without a token a public request counts for its address.
2. A plan's refusal of a good order is the handler's to tell: it never hides an order that exists.

Source: docs.cdp.coinbase.com, Advanced Trade API; venues.md 2.1 and 2.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trading.sandbox import calls
from trading.sandbox.calls import Answer
from trading.sandbox.coinbase_api import errors, signing
from trading.sandbox.coinbase_api.parameters import Query, read_body
from trading.sandbox.coinbase_api.venue import Venue
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing

Json = dict[str, Any]


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
        """What a read answers from."""
        return self.venue.stage.seen_by(self.fate)

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


async def perform(venue: Venue, operation: Operation, named: str, wire: Wire) -> Answer:
    """Answer one request. Raises Dropped if the plan leaves it without an answer."""

    async def act(fate: RequestFate, answer: Answer) -> Any:
        call = Call(venue, Query(()), {}, named, "", fate, venue.stage.now())
        token, answer.who = None, wire.address
        if not operation.public:
            token = signing.verify(venue.keys, wire.token or "", call.now, wire.uri)
            call.account, answer.who = token.key.account, token.key.name
        return await _act(call, operation, wire, token, answer.who)

    unknown = errors.timed_out(), errors.internal()
    return await calls.perform(venue.stage, operation.kind, act, unknown=unknown)


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
    await venue.stage.pause(fate.delay)
    call.now = venue.stage.now()
    if token is not None:
        token.check_time(call.now)
    if fate.outcome is Outcome.KEY_REVOKED:
        raise errors.unauthorized()
    if fate.outcome is Outcome.MAINTENANCE:
        raise errors.unavailable()
    await venue.stage.enter(fate)
    call.now = venue.stage.now()
    if knobs["same_ms"]:
        call.now = call.now.replace(microsecond=0)
    return operation.handler(call)

"""One request from its arrival to its answer, the same over REST and over the WebSocket API.

1. Order of checks: ban and weight, key, signature, time, parameters, engine. The time is checked
   again just before the engine, because a request may have waited on its way.
2. What succeeds in placing or cancelling costs no weight; what fails costs the documented one.

Source: binance-spot-api-docs, rest-api.md "General API Information"; venues.md 2.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from trading.sandbox import calls
from trading.sandbox.binance_api import errors
from trading.sandbox.binance_api.errors import ApiError
from trading.sandbox.binance_api.parameters import Parameters
from trading.sandbox.binance_api.signing import Key, check_time
from trading.sandbox.binance_api.venue import Venue
from trading.sandbox.calls import Answer
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.records import Records

#: Belong to the request's security or form, not to any one endpoint.
_COMMON = ("timestamp", "recvWindow", "signature", "apiKey", "returnRateLimits")


class Security(StrEnum):
    """What a request must carry; TRADE needs a key that may trade."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass(slots=True)
class Call:
    """One authorised request with its parameters and its fate."""

    venue: Venue
    params: Parameters
    account: str
    fate: RequestFate
    now: datetime

    @property
    def records(self) -> Records:
        """What a read answers from."""
        return self.venue.stage.seen_by(self.fate)

    def symbol(self) -> str:
        """The symbol asked about. Raises ApiError -1121 if it is not listed."""
        symbol = self.params.symbol()
        if self.venue.listing(symbol) is None:
            raise errors.bad_symbol()
        return symbol

    def optional_symbol(self) -> str | None:
        return self.symbol() if "symbol" in self.params.given else None

    def finish(self) -> None:
        """Call before the first effect: whatever was sent has been read by now."""
        self.params.finish(*_COMMON)


@dataclass(frozen=True, slots=True)
class Operation:
    """What a path or a method means: its handler, price and security."""

    handler: Callable[[Call], Any]
    weight: int | Callable[[Parameters], int] = 1
    security: Security = Security.NONE
    kind: Request = Request.PUBLIC

    def cost(self, params: Parameters) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)

    @property
    def changes(self) -> bool:
        return self.kind not in {Request.PUBLIC, Request.READ}


Authorise = Callable[[Parameters], Key]


async def perform(
    venue: Venue,
    operation: Operation,
    read: Callable[[], Parameters],
    authorise: Authorise,
    *,
    address: str,
) -> Answer:
    """Answer one request. Raises Dropped if the plan leaves it without an answer."""

    async def act(fate: RequestFate, answer: Answer) -> Any:
        call = Call(venue, Parameters({}), "", fate, venue.stage.now())
        try:
            return await _act(call, operation, read, authorise, address)
        finally:
            answer.who = call.account

    unknown = errors.timed_out(), errors.unexpected_response()
    return await calls.perform(venue.stage, operation.kind, act, unknown=unknown)


async def _act(
    call: Call,
    operation: Operation,
    read: Callable[[], Parameters],
    authorise: Authorise,
    address: str,
) -> Any:
    venue, limits = call.venue, call.venue.limits
    limits.check_ban(address, call.now)
    _refuse_patience(call, address)
    params = call.params = read()
    params.longest_page = int(venue.stage.plan.knobs["page_limit"]) or None
    cost = operation.cost(params)
    limits.charge(address, cost, call.now)
    if operation.security is not Security.NONE:
        key = authorise(params)
        if operation.security is Security.TRADE and not key.can_trade:
            raise errors.key_unknown()
        call.account = key.account
        check_time(params, call.now)
    await venue.stage.pause(call.fate.delay)
    call.now = venue.stage.now()
    if operation.security is not Security.NONE:
        check_time(params, call.now)
    _refuse_by_plan(call.fate)
    await venue.stage.enter(call.fate)
    call.now = venue.stage.now()
    if venue.stage.plan.knobs["same_ms"]:
        call.now = call.now.replace(microsecond=0)
    body = operation.handler(call)
    call.finish()
    if operation.changes:
        limits.refund(address, cost, call.now)
    return body


def _refuse_patience(call: Call, address: str) -> None:
    fate, limits = call.fate, call.venue.limits
    if fate.outcome is Outcome.BAN:
        limits.ban(address, call.now, fate.retry_after)
        limits.check_ban(address, call.now)
    if fate.outcome is Outcome.RATE_LIMIT:
        raise limits.impatience(call.now, fate.retry_after)


def _refuse_by_plan(fate: RequestFate) -> None:
    """Raises the refusal that the plan has for this request, if it has one."""
    match fate.outcome:
        case Outcome.KEY_REVOKED:
            raise errors.key_unknown()
        case Outcome.REFUSE_FILTER:
            raise errors.filtered("LOT_SIZE")
        case Outcome.REFUSE_BALANCE:
            raise errors.rejected("Account has insufficient balance for requested action.")
        case Outcome.MAINTENANCE:
            raise ApiError(-1016, "This service is no longer available.", 503)

"""One request from its arrival to its answer.

1. Order of checks: ban, key and signature, time, stamp, rate, plan, parameters, engine. The time is
   checked again just before the engine, because a request may have waited on its way.

Source: docs.btcturk.com; venues.md 2.3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading.sandbox import calls
from trading.sandbox.btcturk_api import errors, signing
from trading.sandbox.btcturk_api.errors import ApiError
from trading.sandbox.btcturk_api.limits import Rule, impatience
from trading.sandbox.btcturk_api.parameters import Parameters
from trading.sandbox.btcturk_api.venue import Venue
from trading.sandbox.calls import Answer
from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.records import Records
from trading.sandbox.rules import Listing


@dataclass(slots=True)
class Call:
    """One authorised request with its parameters and its fate."""

    venue: Venue
    params: Parameters
    fate: RequestFate
    now: datetime
    account: str = ""

    @property
    def records(self) -> Records:
        """What a read answers from."""
        return self.venue.stage.seen_by(self.fate)

    def listing(self, name: str = "pairSymbol") -> Listing:
        """The pair asked about. Raises ApiError if none is named or it is not listed."""
        symbol = self.params.text(name)
        if not symbol:
            raise ApiError("PAIR_SYMBOL_NECESSARY")
        listing = self.venue.listing(symbol)
        if listing is None:
            raise ApiError("PAIR_NOT_FOUND")
        return listing

    def page(self, limit: int) -> int:
        """How many rows a page may have."""
        longest = int(self.venue.stage.plan.knobs["page_limit"])
        return min(limit, longest) if longest else limit


@dataclass(frozen=True, slots=True)
class Operation:
    """What a path means: its handler, what it costs, and whether it needs a key."""

    handler: Callable[[Call], Any]
    rules: tuple[Rule, ...] = ()
    kind: Request = Request.PUBLIC
    #: The graph API answers without the envelope.
    bare: bool = False

    @property
    def private(self) -> bool:
        return self.kind is not Request.PUBLIC


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: what to call it for the limits, headers, address, parameters."""

    path: str
    headers: Mapping[str, str]
    address: str
    read: Callable[[], Parameters]


async def perform(venue: Venue, operation: Operation, asked: Asked) -> Answer:
    """Answer one request. Raises Dropped if the plan leaves it without an answer."""

    async def act(fate: RequestFate, answer: Answer) -> Any:
        data = await _act(Call(venue, Parameters({}), fate, venue.stage.now()), operation, asked)
        return data if operation.bare else _envelope(data)

    unknown = ApiError("INTERNAL_ERROR", 500), ApiError("TIMEOUT", 500)
    return await calls.perform(venue.stage, operation.kind, act, unknown=unknown)


def _envelope(data: Any) -> dict[str, Any]:
    """A cancel has nothing to tell."""
    done = {"success": True, "message": "SUCCESS", "code": 0}
    return done if data is None else {"data": data, **done}


async def _act(call: Call, operation: Operation, asked: Asked) -> Any:
    venue, limits = call.venue, call.venue.limits
    limits.check_ban(asked.address, call.now)
    _refuse_patience(call, asked.address)
    stamp = _authorise(call, asked) if operation.private else None
    limits.charge(asked.path, operation.rules, call.account, asked.address, call.now)
    await venue.stage.pause(call.fate.delay)
    call.now = venue.stage.now()
    if stamp is not None:
        signing.check_time(stamp, call.now)
    _refuse_by_plan(call.fate)
    await venue.stage.enter(call.fate)
    call.now = venue.stage.now()
    if venue.stage.plan.knobs["same_ms"]:
        call.now = call.now.replace(microsecond=0)
    call.params = asked.read()
    return operation.handler(call)


def _authorise(call: Call, asked: Asked) -> int:
    """The stamp of the request; the account is the call's from now on."""
    key, stamp = signing.authorise(call.venue.keys, asked.headers)
    signing.check_time(stamp, call.now)
    if not call.venue.stamps.use(key.api_key, stamp):
        raise errors.unauthorized("Nonce")
    call.account = key.account
    return stamp


def _refuse_patience(call: Call, address: str) -> None:
    fate, limits = call.fate, call.venue.limits
    if fate.outcome is Outcome.BAN:
        limits.ban(address, call.now, fate.retry_after)
        limits.check_ban(address, call.now)
    if fate.outcome is Outcome.RATE_LIMIT:
        raise impatience(fate.retry_after)


def _refuse_by_plan(fate: RequestFate) -> None:
    """Raises the refusal that the plan has for this request, if it has one."""
    match fate.outcome:
        case Outcome.KEY_REVOKED:
            raise errors.unauthorized("API Key")
        case Outcome.REFUSE_FILTER:
            raise ApiError("FAILED_INVALID_QUANTITY_SCALE")
        case Outcome.REFUSE_BALANCE:
            raise ApiError("BALANCE_NOT_ENOUGH")
        case Outcome.MAINTENANCE:
            raise ApiError("SYSTEM_UNDER_MAINTENANCE", 503)

"""Which fault meets which request, event or second: a pure function of a seed and a plan in text.

A plan is `knob=value` pairs with commas: `accept_no_answer=0.05,drop_event=0.3,latency_ms=50`.

1. The same seed, plan and number give the same fate, in any order of asking.
2. An empty plan is a venue without faults.

Venue document: venues.md 2.3 (X1 to X30).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class Request(StrEnum):
    """What kind of request it is: only the last three change something at the venue."""

    PUBLIC = "PUBLIC"
    READ = "READ"
    ORDER = "ORDER"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"


class Outcome(StrEnum):
    """What becomes of a request: PASS, or stopped before the engine, or acted on and badly
    answered (from ACCEPT_NO_ANSWER on)."""

    PASS = "PASS"
    LOSE = "LOSE"
    RATE_LIMIT = "RATE_LIMIT"
    BAN = "BAN"
    MAINTENANCE = "MAINTENANCE"
    KEY_REVOKED = "KEY_REVOKED"
    REFUSE_FILTER = "REFUSE_FILTER"
    REFUSE_BALANCE = "REFUSE_BALANCE"
    ACCEPT_NO_ANSWER = "ACCEPT_NO_ANSWER"
    TIMEOUT_CODE = "TIMEOUT_CODE"
    HTTP_502 = "HTTP_502"
    HTTP_504 = "HTTP_504"
    GARBAGE = "GARBAGE"

    @property
    def reaches_engine(self) -> bool:
        members = list(Outcome)
        acted = members.index(self) >= members.index(Outcome.ACCEPT_NO_ANSWER)
        return self is Outcome.PASS or acted


class Garbage(StrEnum):
    HTML = "HTML"
    TRUNCATED = "TRUNCATED"
    EMPTY = "EMPTY"
    DUPLICATE_KEYS = "DUPLICATE_KEYS"
    GZIP_BOMB = "GZIP_BOMB"
    ERROR_IN_200 = "ERROR_IN_200"


@dataclass(frozen=True, slots=True)
class RequestFate:
    """`delay` passes before the request reaches the engine, `answer_delay` before its answer
    leaves. `stale` is how old the data of a read are; `hide_order` makes a query by id or client id
    answer that there is no such order; `fill_first` lets the order fill just before its cancel;
    `half_replace` makes the second half of a cancel-replace fail; `odd_numbers` writes the answer's
    decimals in unusual ways (exponents, "0E-8", more than 18 digits)."""

    outcome: Outcome = Outcome.PASS
    delay: timedelta = timedelta(0)
    answer_delay: timedelta = timedelta(0)
    retry_after: timedelta = timedelta(0)
    stale: timedelta = timedelta(0)
    garbage: Garbage | None = None
    hide_order: bool = False
    fill_first: bool = False
    half_replace: bool = False
    odd_numbers: bool = False


@dataclass(frozen=True, slots=True)
class EventFate:
    """`copies`: 0 is lost, 2 is doubled. `delay` before it is sent; `overtaken_by` is how many
    later events of the stream go first."""

    copies: int = 1
    delay: timedelta = timedelta(0)
    overtaken_by: int = 0


@dataclass(frozen=True, slots=True)
class ConnectionFate:
    """None: never. After `silent_after` the connection stays up and sends nothing, after
    `cut_after` it is closed, with a shutdown notice first if `notice`. `replay` events of the past
    are sent again at its start."""

    cut_after: timedelta | None = None
    silent_after: timedelta | None = None
    notice: bool = False
    replay: int = 0


class Act(StrEnum):
    """What the venue or a human does on its own in some second."""

    HALT = "HALT"
    RESUME = "RESUME"
    CANCEL_ONLY = "CANCEL_ONLY"
    UNKNOWN_STATUS = "UNKNOWN_STATUS"
    DELIST = "DELIST"
    BUST = "BUST"
    DEPOSIT = "DEPOSIT"
    WITHDRAW = "WITHDRAW"
    LOCK = "LOCK"
    EXTERNAL_ORDER = "EXTERNAL_ORDER"
    SELF_TRADE = "SELF_TRADE"
    FILTERS = "FILTERS"


class FaultPlan:
    """The fates of one run."""

    def __init__(self, text: str, seed: int) -> None:
        """Raises BadInput, one line, for an unknown knob or a value outside its bounds."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The plan with its knobs in alphabetical order, as it can be given again."""
        raise NotImplementedError

    @property
    def knobs(self) -> Mapping[str, Decimal]:
        """Every knob with its value, zero where the plan does not name it."""
        raise NotImplementedError

    def request(self, number: int, kind: Request, elapsed: timedelta) -> RequestFate:
        """The fate of the `number`-th request, `elapsed` after the start of the run."""
        raise NotImplementedError

    def event(self, stream: str, number: int) -> EventFate:
        """The fate of the `number`-th private event of a stream."""
        raise NotImplementedError

    def depth(self, stream: str, number: int) -> EventFate:
        """The fate of the `number`-th depth event of a stream."""
        raise NotImplementedError

    def connection(self, number: int) -> ConnectionFate:
        """The fate of the `number`-th stream connection."""
        raise NotImplementedError

    def clock_skew(self, elapsed: timedelta) -> timedelta:
        """How far the venue's clock is ahead of ours at that time."""
        raise NotImplementedError

    def acts(self, second: int) -> tuple[Act, ...]:
        """What the venue or a human does in this second of the run."""
        raise NotImplementedError

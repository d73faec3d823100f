"""What can become of a request, an event or a connection, and what a venue does on its own.

Venue document: venues.md 2.3 (X1 to X30).
"""

from dataclasses import dataclass
from datetime import timedelta
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


class Garbage(StrEnum):
    HTML = "HTML"
    TRUNCATED = "TRUNCATED"
    EMPTY = "EMPTY"
    DUPLICATE_KEYS = "DUPLICATE_KEYS"
    GZIP_BOMB = "GZIP_BOMB"
    ERROR_IN_200 = "ERROR_IN_200"


@dataclass(frozen=True, slots=True)
class RequestFate:
    """`delay` passes before the request reaches the engine, `engine_delay` there before it is acted
    on, which no check of its time sees, `answer_delay` before its answer leaves. `stale` is how old
    the data of a read are; `hide_order` makes a query by id or client id answer that there is no
    such order; `fill_first` lets the order fill just before its cancel; `half_replace` makes the
    second half of a cancel-replace fail; `odd_numbers` writes the answer's decimals in unusual ways
    (exponents, "0E-8", more than 18 digits)."""

    outcome: Outcome = Outcome.PASS
    delay: timedelta = timedelta(0)
    engine_delay: timedelta = timedelta(0)
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
    later events of the stream go first. `without_fee` tells a fill before its fee is known;
    `crossed` puts a bid above the lowest ask into a depth event."""

    copies: int = 1
    delay: timedelta = timedelta(0)
    overtaken_by: int = 0
    without_fee: bool = False
    crossed: bool = False


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
    EXTERNAL_BUY = "EXTERNAL_BUY"
    EXTERNAL_SALE = "EXTERNAL_SALE"
    EXTERNAL_LIMIT = "EXTERNAL_LIMIT"
    SELF_TRADE = "SELF_TRADE"
    FILTERS = "FILTERS"

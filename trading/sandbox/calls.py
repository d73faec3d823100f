"""What is the same of a request in every protocol: how it waits, and what a plan makes of it.

1. A fault stops a request before the engine, or spoils the answer of one that was acted on; which
   of the two is the plan's word, never a matter of timing.

Source: venues.md 2.3.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from trading.sandbox.faults import Outcome, Request, RequestFate
from trading.sandbox.stage import Stage


class Dropped(Exception):
    """The request gets no answer: the connection ends instead."""


class ApiError(Exception, ABC):
    """One refused request, in the venue's words; `retry_after_seconds` is set where a rate limit
    refused it."""

    def __init__(self, *said: object, status: int, retry_after_seconds: int | None = None) -> None:
        super().__init__(*said)
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    @abstractmethod
    def body(self) -> Any:
        """The JSON of the answer, or a bare line of text."""


@dataclass(slots=True)
class Answer:
    """What goes back to `who` asked, by whatever name the limits have for it; the protocol turns
    `spoiled` into bytes that a client must not trust."""

    status: int = 200
    body: Any = None
    who: str = ""
    retry_after_seconds: int | None = None
    spoiled: RequestFate = field(default_factory=RequestFate)

    def refuse(self, error: ApiError) -> None:
        self.status, self.body = error.status, error.body()
        self.retry_after_seconds = error.retry_after_seconds


async def perform(
    stage: Stage,
    kind: Request,
    act: Callable[[RequestFate, Answer], Awaitable[Any]],
    *,
    unknown: tuple[ApiError, ApiError],
) -> Answer:
    """Answer one request with what `act` returns or refuses; it says who asked as soon as it knows.
    `unknown` are the venue's words for not knowing what became of a request. Raises Dropped if the
    plan leaves it without an answer."""
    number, fate = stage.next_request(kind)
    if fate.outcome is Outcome.LOSE:
        await stage.pause(fate.delay)
        raise Dropped
    answer = Answer()
    try:
        answer.body = await act(fate, answer)
    except ApiError as error:
        answer.refuse(error)
    await stage.pause(fate.answer_delay)
    match fate.outcome:
        case Outcome.ACCEPT_NO_ANSWER:
            raise Dropped
        case Outcome.TIMEOUT_CODE:
            answer.refuse(unknown[number % 2])
            return answer
        case Outcome.HTTP_502:
            answer.status = 502
        case Outcome.HTTP_504:
            answer.status = 504
    answer.spoiled = fate
    return answer


def drop(request: web.Request) -> web.Response:
    """End the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)

"""What every HTTP line to a venue has in common: how much of an answer is read, and how long.

1. An answer is read up to `MOST_BYTES`, no further, and as long as a call may last, however slowly
   it comes.
2. Nothing is sent again: the adapter makes one attempt.
3. A connection that was never made, or to whoever cannot prove to be the venue, sent nothing; any
   other broken call may have arrived.
4. A request whose sender's lease is over stays here, signed as it is (kernel/lease.py).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from ssl import SSLCertVerificationError
from threading import Event, Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    SSLError,
)

from aitrader.kernel import lease
from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown

MOST_BYTES = 5 * 1024 * 1024


class Capped(HTTPAdapter):
    """Refuses an answer that is too long, before it is in memory, or that takes too long.

    A timeout of requests is that of one read: a body that drips would never end.
    """

    def __init__(self) -> None:
        super().__init__(max_retries=0)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        if lease.is_over():
            raise requests.exceptions.ConnectTimeout(ConnectTimeoutError("the lease is over"))
        deadline = monotonic() + sum(kwargs["timeout"])
        response = super().send(*args, **{**kwargs, "stream": True})
        with self.bounded(deadline, response):
            body = response.raw.read(MOST_BYTES + 1, decode_content=True)
        if len(body) > MOST_BYTES:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
        response._content, response._content_consumed = body, True
        return response

    def bounded(self, deadline: float, response: requests.Response) -> AbstractContextManager[None]:
        """While the body is read."""
        return _ended_by(deadline, response)


@contextmanager
def _ended_by(deadline: float, response: requests.Response) -> Iterator[None]:
    """Nothing more comes of the body after the deadline; what came of it by then is no answer."""
    late = Event()

    def end() -> None:
        late.set()
        # The body may have ended in this very moment.
        with suppress(ValueError, RuntimeError, OSError):
            response.raw.shutdown()

    timer = Timer(max(0.0, deadline - monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            response.close()
            raise requests.exceptions.ReadTimeout("the answer takes too long")


def broken(error: requests.exceptions.RequestException) -> GatewayError:
    """What a call that ended without an answer proves."""
    reason: object = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return NotSent("no connection")
    if isinstance(reason, SSLError) and isinstance(reason.args[0], SSLCertVerificationError):
        return NotSent("the certificate is not to be trusted")
    return OutcomeUnknown(f"{type(error).__name__} during the call")

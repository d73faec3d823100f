"""The way to the venue and back, with a note of how far a call came.

1. Nothing is sent again, and a redirect is not followed.
2. `heard` is of the last request of a call; `reached` counts every request that may have arrived.
"""

from dataclasses import dataclass
from typing import Any

import requests

from aitrader.kernel.errors import NotSent
from trading.gateways.generic import strict_json
from trading.gateways.transport import Capped, broken


@dataclass(slots=True)
class Heard:
    """How far a call came. `taken`: the library took the answer for one that is no error, so that
    the venue has acted, whatever is made of it afterwards."""

    reached: int = 0
    status: int | None = None
    retry_after: str = ""
    body: bytes = b""
    taken: bool = False

    def said(self) -> Any:
        """The answer if it is JSON, else None."""
        try:
            return strict_json.loads(self.body)
        except ValueError:
            return None


class Wire(Capped):
    """The adapter of a session; `timeout_seconds` are for connecting and for reading."""

    def __init__(self, timeout_seconds: tuple[float, float]) -> None:
        super().__init__()
        self.timeout_seconds = timeout_seconds
        self.heard = Heard()

    def session(self) -> requests.Session:
        """A session that has no other way; proxies and password files are not for signed calls."""
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        for scheme in ("http://", "https://"):
            session.mount(scheme, self)
        return session

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        heard = self.heard = Heard(reached=self.heard.reached + 1)
        try:
            response = super().send(*args, **{**kwargs, "timeout": self.timeout_seconds})
        except requests.exceptions.RequestException as error:
            if isinstance(broken(error), NotSent):
                heard.reached -= 1
            raise
        heard.status, heard.body = response.status_code, response.content
        heard.retry_after = response.headers.get("Retry-After", "")
        return response

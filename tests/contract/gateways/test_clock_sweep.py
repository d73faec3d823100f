"""Our clock off by up to ten seconds either way, at every venue: beyond a second nothing is signed,
and what was not sent goes when the clock is right again."""

from typing import Any

import pytest
import requests

from aitrader.kernel.errors import GatewayError, NotSent
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand

#: How far the venue is ahead of us, in seconds.
OFFSETS = (-10, -5, -3, -2, -1.3, -0.7, -0.3, 0, 0.3, 0.7, 1.3, 2, 3, 5, 10)
NAMES = ("binance", "btcturk", "coinbase")
#: What the library or we put into a request that is signed.
_SIGNS = ("signature=", "x-signature", "authorization")


class Wire:
    """Every answer of a gateway's session: whether what was asked was signed, and its status."""

    def __init__(self, gateway: Any) -> None:
        connection = gateway._connection
        session = getattr(connection, "_session", None) or connection._client.session
        session.hooks["response"].append(self._heard)
        self.signed: list[int] = []

    def _heard(self, response: requests.Response, **_: object) -> None:
        asked = response.request
        told = f"{asked.url} {asked.body!r} {' '.join(asked.headers)}".lower()
        if any(sign in told for sign in _SIGNS):
            self.signed.append(response.status_code)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("name", NAMES)
def test_beyond_a_second_nothing_is_signed_and_the_order_goes_later(
    name: str, offset: float
) -> None:
    with stand(conformance.VENUES[name], venue=name) as made:
        made.change("clock", offset_seconds=offset)
        wire, order = Wire(made.gateway), made.order()
        if abs(offset) > 1:
            with pytest.raises(NotSent, match="our clock is"):
                made.gateway.submit(account="", order=order)
            assert (wire.signed, made.at_venue()) == ([], [])
            made.change("clock", offset_seconds=0)
        made.gateway.submit(account="", order=order)
        assert len(made.at_venue()) == 1
        assert set(wire.signed) == {200}


@pytest.mark.parametrize("offset", [-10, -2, 2, 10])
@pytest.mark.parametrize("name", NAMES)
def test_a_venue_whose_clock_steps_is_asked_for_its_time_before_the_next_order(
    name: str, offset: float
) -> None:
    with stand(conformance.VENUES[name], venue=name) as made:
        wire = Wire(made.gateway)
        made.gateway.submit(account="", order=made.order())
        made.change("clock", offset_seconds=offset)
        # Nobody can know yet; a venue that minds proves that it did nothing.
        outcome = _ends(made)
        known = len(made.at_venue())
        assert known == 1 + (outcome is None)
        if outcome is None:
            return
        assert isinstance(outcome, NotSent)
        told_so = len(wire.signed)
        assert isinstance(_ends(made), NotSent)
        assert len(wire.signed) == told_so
        made.change("clock", offset_seconds=0)
        assert _ends(made) is None
        assert len(made.at_venue()) == known + 1


def _ends(made: Stand) -> GatewayError | None:
    try:
        made.gateway.submit(account="", order=made.order())
    except GatewayError as error:
        return error
    return None

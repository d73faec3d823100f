"""Keys, secrets and signatures stay out of what an error or a log shows."""

import logging
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from aitrader.kernel.errors import GatewayError
from trading.management.commands import conformance
from trading.sandbox.stand import Stand, stand

#: Every way in which a call ends badly.
PLANS = ("lose_request=1", "http_502=1", "garbage=1", "key_revoked_at_s=0.001", "refuse_filter=1")


@pytest.fixture(params=sorted(conformance.VENUES))
def staged(request: pytest.FixtureRequest) -> Iterator[tuple[Stand, Mapping[str, Any]]]:
    told: dict[str, Any] = {}
    scene = conformance.VENUES[request.param]

    def connect(addresses: Mapping[str, Any]) -> Any:
        told.update(addresses)
        return scene.connect(addresses)

    with stand(replace(scene, connect=connect), venue=request.param) as ready:
        yield ready, told


def test_no_error_and_no_log_shows_them(
    staged: tuple[Stand, Mapping[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    ready, told = staged
    caplog.set_level(logging.DEBUG)
    shown = []
    ready.gateway.balances(account=ready.account)
    for plan in PLANS:
        ready.faults(plan)
        order = ready.order()
        for call in (
            lambda order=order: ready.gateway.submit(account=ready.account, order=order),
            lambda: ready.gateway.open_orders(account=ready.account),
        ):
            try:
                call()
            except GatewayError as error:
                shown.append("".join(traceback.format_exception(error)))
    ready.faults("")
    assert shown
    everything = "\n".join([*shown, caplog.text])
    key_lines = [line for line in str(told["api_secret"]).splitlines() if "-" * 5 not in line]
    for secret in key_lines:
        assert secret not in everything
    assert "signature=" not in everything
    assert "Signature:" not in everything

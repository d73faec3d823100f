"""What machines ask."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pydantic import SecretStr

from aitrader.kernel.clock import WALL
from compliance.domain.roles import Role
from compliance.models import Operator
from risk.models import TradingStateRow
from tests.factories import desk as factory
from trading.models import Feed

LISTS = ["orders", "fills", "positions", "strategies", "trades"]


def test_health_says_only_that_it_is_up() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_ready_names_what_is_not(desk: factory.Desk) -> None:
    assert Client().get("/readyz").json()["status"] == "ready"
    Feed.objects.update(received_at=WALL.now() - timedelta(minutes=5))
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["feed"] is False


def test_metrics_are_for_loopback_or_a_token(desk: factory.Desk, settings: Any) -> None:
    body = Client().get("/metrics").content.decode()
    assert 'aitrader_orders_unknown{account="PAPER-1"} 1.0' in body
    assert "aitrader_feed_age_seconds" in body
    assert Client(REMOTE_ADDR="10.0.0.9").get("/metrics").status_code == 403
    assert Client(HTTP_X_FORWARDED_FOR="10.0.0.9").get("/metrics").status_code == 403
    settings.AITRADER_METRICS_TOKEN = SecretStr("right")
    far = Client(REMOTE_ADDR="10.0.0.9")
    assert far.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer right"}).status_code == 200


def test_the_root_leads_everywhere(desk: factory.Desk, browser: Client) -> None:
    for name, address in browser.get("/api/v1/").json().items():
        assert browser.get(address).status_code == (405 if name == "halt" else 200), name


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_paged_and_read_only(desk: factory.Desk, browser: Client, name: str) -> None:
    body = browser.get(f"/api/v1/{name}?page_size=1").json()
    assert len(body["results"]) == 1
    for method in ("post", "put", "patch", "delete"):
        answer = getattr(browser, method)(f"/api/v1/{name}")
        assert answer.status_code == 405
        assert answer["Content-Type"] == "application/problem+json"


def test_amounts_are_text(desk: factory.Desk, browser: Client) -> None:
    row = browser.get("/api/v1/fills").json()["results"][0]
    assert row["last_px"] == "60000.000000000000000000"
    assert row["transact_time"] == "2026-01-05T12:00:00Z"


def test_status_tells_mode_and_state(desk: factory.Desk, browser: Client) -> None:
    body = browser.get("/api/v1/status").json()
    assert (body["mode"], body["source"], body["trading_state"]) == ("PAPER", "SIMULATED", "ACTIVE")


def _halt(client: Client, key: str = "k" * 24, **more: Any) -> Any:
    return client.post(
        "/api/v1/halt",
        {"reason": "program", **more},
        content_type="application/json",
        headers={"Idempotency-Key": key} if key else {},
    )


def test_halting_is_idempotent(desk: factory.Desk, browser: Client) -> None:
    first, second = _halt(browser), _halt(browser)
    assert first.json() == second.json() == {"state": "HALTED", "changed": True}
    assert TradingStateRow.objects.get().reason == "program"
    assert _halt(browser, reason="other").status_code == 409


@pytest.mark.parametrize("key", ["", "short", "k" * 65, "with spaces in the key"])
def test_a_halt_without_a_good_key_is_told_what_the_header_must_be(
    desk: factory.Desk, browser: Client, key: str
) -> None:
    answer = _halt(browser, key=key)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert "The header Idempotency-Key must be 16 to 64 letters" in answer.json()["detail"]
    assert not TradingStateRow.objects.exists()


@pytest.mark.parametrize("reason", ["", "  ", "a\0b", 7, None])
def test_a_halt_of_a_program_needs_a_reason_that_can_be_kept(
    desk: factory.Desk, browser: Client, reason: Any
) -> None:
    answer = _halt(browser, reason=reason)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not TradingStateRow.objects.exists()


def test_who_may_not_halt_is_told(desk: factory.Desk, as_role: Callable[[Role], Client]) -> None:
    answer = _halt(as_role(Role.COMPLIANCE))
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert not TradingStateRow.objects.exists()


def test_a_session_needs_the_token_of_the_form(desk: factory.Desk, everyone: Operator) -> None:
    client = factory.verified(everyone, enforce_csrf_checks=True)
    assert _halt(client).status_code == 403

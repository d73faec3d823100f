"""Every address of the product, asked by people who may not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from aitrader.kernel.clock import WALL
from compliance.domain.roles import Action
from dashboard.middleware import HALF_WAY, OPEN
from dashboard.permits import PAGES
from tests.factories import desk as factory
from trading.models import Feed

_SAMPLES = {"public_id": "X" * 32, "leaf_index": "0", "strategy_id": "1", "alert_id": "1"}


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each, path)
        elif isinstance(each, URLPattern):
            yield path, each.name or ""


def addresses() -> list[tuple[str, str]]:
    """Every address with its name; converters are filled with samples."""
    found = []
    for path, name in _patterns(get_resolver()):
        for key, value in _SAMPLES.items():
            for kind in ("str", "int"):
                path = path.replace(f"<{kind}:{key}>", value)
        path = path.replace("<path:object_id>", "1").replace("<str:object_id>", "1")
        path = path.replace("<int:content_type_id>", "1").replace("^", "").replace("$", "")
        path = path.replace("(?P<url>.*)", "nothing").replace("(?P<app_label>", "trading")
        found.append((f"/{path}", name))
    return found


def test_there_are_addresses() -> None:
    names = {name for _path, name in addresses()}
    assert {"home", "halt", "api_orders", "trading_order_changelist"} <= names
    assert len(names) > 60


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_stranger_reaches_only_the_door(db: None, method: str) -> None:
    client = Client()
    for path, name in addresses():
        if name in OPEN:
            continue
        answer = getattr(client, method)(path)
        assert answer.status_code in {302, 401}, (path, answer.status_code)
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login"), path


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_password_alone_reaches_only_the_second_step(half_way: Client, method: str) -> None:
    for path, name in addresses():
        if name in OPEN | HALF_WAY:
            continue
        answer = getattr(half_way, method)(path)
        assert answer.status_code in {302, 403}, (path, answer.status_code)
        if answer.status_code == 302:
            assert answer["Location"].startswith("/2fa"), path


# Whether any method is let through at all is asked of strangers above.
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_operator_without_a_role_reaches_nothing(desk: factory.Desk, method: str) -> None:
    nobody = factory.operator("nobody")
    nobody.groups.clear()
    client = factory.verified(nobody)
    before = _rows()
    for path, name in addresses():
        if name in OPEN | HALF_WAY:
            continue
        answer = getattr(client, method)(path.replace("X" * 32, desk.filled.public_id))
        assert answer.status_code == 403, (path, answer.status_code)
        body = answer.content.decode()
        assert "Your roles do not open this page" in body, path
        assert not any(word in body for word in ("PAPER-1", "sma_cross", "60,000", "hx-get")), path
    assert _rows() == before


def test_an_operator_without_a_role_may_leave(desk: factory.Desk) -> None:
    nobody = factory.operator("nobody")
    nobody.groups.clear()
    client = factory.verified(nobody)
    body = client.get("/").content.decode()
    assert 'action="/logout"' in body
    assert client.post("/logout").status_code == 302


def test_a_role_that_may_not_see_the_journal_is_refused_there_only(
    desk: factory.Desk, installed: None
) -> None:
    trader = factory.operator("trader")
    group = trader.groups.get()
    group.permissions.remove(group.permissions.get(codename=Action.VIEW_JOURNAL.value))
    client = factory.verified(trader)
    for path in ("/journal", "/journal/0"):
        assert client.get(path).status_code == 403, path
    order = client.get(f"/orders/{desk.filled.public_id}")
    assert order.status_code == 200
    assert "/journal" not in order.content.decode()


def test_what_an_address_asks_for_is_named_by_addresses_that_exist() -> None:
    assert {name for _path, name in addresses()} >= set(PAGES)


def test_lists_of_exceptions_hold_only_names_that_exist() -> None:
    names = {name for _path, name in addresses()}
    assert names >= OPEN
    assert names >= HALF_WAY


def test_unknown_addresses_are_closed_too(db: None) -> None:
    assert Client().get("/no/such/page").status_code == 302


def test_a_fragment_is_not_answered_with_a_page(db: None) -> None:
    answer = Client().get(reverse("d_orders"), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == reverse("login") + "?next=%2F"
    assert b"<form" not in answer.content


def test_the_api_answers_with_a_problem_document(db: None, half_way: Client) -> None:
    for client, status in ((Client(), 401), (half_way, 403)):
        answer = client.get("/api/v1/orders")
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_an_operator_who_was_switched_off_is_out_at_once(browser: Client, everyone: object) -> None:
    assert browser.get("/").status_code == 200
    type(everyone).objects.update(is_active=False)  # type: ignore[attr-defined]  # unfold and django-otp ship no types
    assert browser.get("/").status_code == 302


def test_looking_changes_nothing(desk: factory.Desk, browser: Client) -> None:
    # The walk is longer than a feed's patience: a stale one is rightly called not ready.
    Feed.objects.update(received_at=WALL.now() + timedelta(minutes=10))
    before = _rows()
    for path, name in addresses():
        if name not in {"d_chart", "bars"}:
            path = path.replace("X" * 32, desk.filled.public_id)
        answer = browser.get(path)
        assert answer.status_code < 500, (path, answer.status_code)
    assert _rows() == before


@pytest.mark.parametrize(
    "path",
    [
        "/orders/%00", "/orders/%00/cancel", "/orders?show=%00", "/journal?from=%00",
        "/bars?instrument=%00", "/?instrument=%00", "/admin/trading/order/?q=%00",
        "/api/v1/orders?ord_status=zz%00", "/api/v1/orders?instrument=%00", "/login?next=%00",
    ],
)  # fmt: skip
def test_a_nul_is_refused_before_anything_looks_it_up(
    desk: factory.Desk, browser: Client, path: str
) -> None:
    answer = browser.get(path)
    assert answer.status_code == 400
    assert "Nothing was done" in answer.content.decode()
    program = path.startswith("/api/")
    assert answer["Content-Type"].startswith("application/problem+json" if program else "text/html")


def test_a_nul_in_a_form_or_a_cookie_is_refused_too(desk: factory.Desk, browser: Client) -> None:
    assert browser.post("/halt", {"reason": "a\0b", "key": "k" * 24}).status_code == 400
    stranger = Client()
    assert stranger.post("/login", {"username": "a\0b", "password": "x"}).status_code == 400
    answer = stranger.get("/", headers={"cookie": r'sessionid="abcdefghijk\000"'})
    assert answer.status_code == 400


def _rows() -> dict[str, int]:
    """How many rows each table of ours has, and how often it was written to."""
    with connection.cursor() as cursor:
        tables = [
            each
            for each in connection.introspection.table_names(cursor)
            if each.split("_")[0] in {"trading", "risk", "compliance", "dashboard"}
        ]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT count(*), coalesce(max(xmin::text::bigint), 0) FROM "{table}"')
            found[table] = cursor.fetchone()
    return found

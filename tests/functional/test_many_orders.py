"""However many orders there are, a page asks the database as often and shows as many of them."""

import re
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import desk as factory
from trading.models import CancelRequest, Fill, Order

FEW, MANY = 10, 300
PAGES = [
    "/",
    "/orders",
    "/orders?show=working",
    "/orders?show=filled",
    "/orders?show=denied",
    "/orders?show=canceled",
    "/d/orders",
    "/d/cards",
    "/d/strategies",
    "/api/v1/orders",
    "/api/v1/fills",
    "/admin/trading/order/",
    "/admin/trading/fill/",
]
_STATUSES = ("FILLED", "NEW", "PARTIALLY_FILLED", "DENIED", "CANCELED", "REJECTED", "PENDING_NEW")


def _order(desk: factory.Desk, number: int) -> Order:
    """A copy of the desk's filled order in another state; a seventh of them are in doubt."""
    status = _STATUSES[number % len(_STATUSES)]
    order = Order.objects.get(pk=desk.filled.pk)
    order.pk = None
    order.public_id = f"{number}MP".ljust(32, "X")
    order.intent_id = f"{number}MI".ljust(32, "X")
    order.cl_ord_id = f"{number}MC".ljust(32, "X")
    order.ord_status = status
    order.certainty = "UNKNOWN" if status == "PENDING_NEW" else "CERTAIN"
    order.cum_qty = order.filled_qty = Decimal("0.1") if status == "FILLED" else Decimal(0)
    order.created_at = factory.MARKET + timedelta(seconds=number)
    return order


def _add_orders(desk: factory.Desk, first: int, last: int) -> None:
    """Orders by number with what hangs on them: fills, and wishes to cancel."""
    orders = Order.objects.bulk_create(_order(desk, number) for number in range(first, last))
    example = Fill.objects.get(order=desk.filled)
    fills = []
    for order in orders:
        if order.ord_status == "FILLED":
            values = {
                field.attname: getattr(example, field.attname)
                for field in Fill._meta.concrete_fields
                if not field.primary_key
            }
            fills.append(Fill(**{**values, "order_id": order.pk, "exec_id": order.cl_ord_id}))
    Fill.objects.bulk_create(fills)
    CancelRequest.objects.bulk_create(
        CancelRequest(order=order, requested_at=factory.MARKET, requested_by="ann", reason="x")
        for order in orders
        if order.ord_status == "NEW"
    )


def _queries(browser: Client, path: str) -> list[str]:
    browser.get(path)
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(path).status_code == 200
    return [each["sql"] for each in asked]


def test_three_hundred_orders_cost_as_many_queries_as_ten(
    desk: factory.Desk, browser: Client
) -> None:
    _add_orders(desk, 0, FEW)
    before = {path: _queries(browser, path) for path in PAGES}
    _add_orders(desk, FEW, MANY)
    for path in PAGES:
        after = _queries(browser, path)
        assert len(after) == len(before[path]), (path, [sql[:120] for sql in after])
    assert len(before["/orders"]) <= 10
    assert len(before["/"]) <= 30


def test_a_page_shows_a_bounded_number_of_orders_and_doubtful_ones_first(
    desk: factory.Desk, browser: Client
) -> None:
    _add_orders(desk, 0, MANY)
    for path, most in (("/", 20), ("/d/orders", 20), ("/orders", 50), ("/api/v1/orders", 50)):
        body = browser.get(path).content.decode()
        rows = re.findall(r'id="order-\w+"|"cl_ord_id": ?"\w+"', body)
        assert len(rows) == most, path
    # Forty-odd are in doubt: nothing else is shown until somebody looks at them.
    assert browser.get("/d/orders").content.decode().count("UNKNOWN ?") == 20


def test_paging_through_the_orders_shows_each_of_them_once(
    desk: factory.Desk, browser: Client
) -> None:
    _add_orders(desk, 0, MANY)
    path, seen = "/orders", []
    while path:
        body = browser.get(path).content.decode()
        seen += re.findall(r'id="order-(\w+)"', body)
        older = re.search(r'href="(\?show=&amp;before=\d+)">Older', body)
        path = "/orders" + older[1].replace("&amp;", "&") if older else ""
    newest_first = Order.objects.order_by("-pk").values_list("public_id", flat=True)
    assert seen == list(newest_first)
    assert len(seen) == MANY + 2

"""A person says that a balance was moved from outside: by right, with a reason, and not before the
desk is through with explaining it."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import orjson
import pytest

from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.errors import NotPermitted, Refused
from compliance.domain.roles import Role
from compliance.models import JournalEntry
from compliance.services import access, installation
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from trading.gateways.sim import books
from trading.models import Account, Balance, BarRow, Order, Position, ReconBreak
from trading.services import break_words, reconciliation
from trading.services.break_words import Fate, Word

pytestmark = pytest.mark.usefixtures("fresh_database")

CLOSED = Word(Fate.CLOSED, "support says so", "ticket 4711")


@pytest.fixture
def ann(fresh_database: None) -> Any:
    installation.install(namespace=roads.NAMESPACE, now=roads.START)
    access.sync_roles()
    return people.operator("ann", Role.RISK)


def test_a_balance_is_booked_as_moved_by_a_word_once_no_order_may_explain_it(
    ann: Any,
) -> None:
    road = Road()
    account, began = road.desk.account.code, WALL.now()
    with books.writing(account):
        books.move(account, {"USDT": D(7)})

    def compare(seconds: int) -> datetime:
        at = Moment(road.moment.market, began + timedelta(seconds=seconds))
        reconciliation.compare(desk=road.desk, gateway=road.gateway, at=at)
        return at.wall

    now = compare(0)
    found = ReconBreak.objects.get(kind="BALANCE")

    def say(reason: str = "paid in, receipt 3") -> None:
        break_words.moved(break_id=found.pk, by=ann, reason=reason, now=now)

    with pytest.raises(Refused, match="still finding out"):
        say()
    now = compare(61)
    with pytest.raises(Refused, match="only what became of an order"):
        break_words.state(break_id=found.pk, by=ann, word=CLOSED, now=now)
    road.decide(101)
    Order.objects.update(ord_status="PENDING_NEW", certainty="UNKNOWN")
    with pytest.raises(Refused, match="an order in doubt may explain it"):
        say()
    Order.objects.update(ord_status="EXPIRED", certainty="CERTAIN")
    with pytest.raises(Refused, match="a reason is needed"):
        say(" ")
    opening = Account.objects.get().opening_equity
    say()
    found.refresh_from_db()
    assert (found.resolution, found.owner) == ("paid in, receipt 3", "ann")
    # Neither profit nor loss: the baseline has moved.
    assert Account.objects.get().opening_equity == opening + 7
    entry = JournalEntry.objects.get(event="account.flow_booked")
    assert orjson.loads(bytes(entry.payload))["body"]["actor"] == "operator:ann"
    compare(122)
    assert not ReconBreak.objects.filter(closed_at=None).exists()
    with pytest.raises(Refused, match="the break is closed"):
        say()
    BarRow.objects.all().delete()
    with books.writing(account):
        books.move(account, {"BTC": D("0.5")})
    compare(200)
    found = ReconBreak.objects.get(kind="BALANCE", closed_at=None)
    now = compare(261)
    with pytest.raises(Refused, match="no price of BTC"):
        say()


def test_a_balance_of_what_is_traded_is_booked_by_a_word_as_a_position_at_its_price(
    ann: Any,
) -> None:
    road = Road()
    account, began = road.desk.account.code, WALL.now()
    with books.writing(account):
        books.move(account, {"BTC": D("0.5")})
    for seconds in (0, 61):
        at = Moment(road.moment.market, began + timedelta(seconds=seconds))
        reconciliation.compare(desk=road.desk, gateway=road.gateway, at=at)
    found = ReconBreak.objects.get(kind="BALANCE")
    bob = people.operator("bob", Role.TRADER)
    with pytest.raises(NotPermitted):
        break_words.moved(break_id=found.pk, by=bob, reason="mine", now=at.wall)
    kept = Balance.objects.create(account=road.desk.account, asset="BTC", amount=D("0.1"))
    with pytest.raises(Refused, match="has changed since it was compared"):
        break_words.moved(break_id=found.pk, by=ann, reason="paid in", now=at.wall)
    kept.delete()
    break_words.moved(break_id=found.pk, by=ann, reason="paid in", now=at.wall)
    position = Position.objects.get()
    assert (position.quantity, position.cost) == (D("0.5"), D(50))

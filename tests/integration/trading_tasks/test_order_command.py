"""The command writes and waits; the desk's sweep does the rest; the command tells the answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from aitrader.kernel.errors import BadInput
from compliance.domain.roles import Role
from compliance.services import access
from tests.factories import desk as people
from tests.factories import road as roads
from tests.factories.road import Road
from trading.models import Feed, Order, ParentOrder, ReplaceRequest, Venue, VenueFacts
from trading.tasks.sweep import sweep

pytestmark = pytest.mark.usefixtures("fresh_database")


@contextmanager
def _sweeping() -> Iterator[None]:
    """A desk that sweeps, as it does every second."""
    over = Event()

    def work() -> None:
        try:
            while not over.wait(0.05):
                sweep()
        finally:
            connections.close_all()

    thread = Thread(target=work, name="sweeper")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def road() -> Road:
    made = Road(exits=roads.NO_EXITS)
    access.sync_roles()
    people.operator("ada", Role.TRADER)
    made.hold()
    return made


def _submit(road: Road, price: str) -> None:
    call_command(
        "order", "submit", "--account", road.desk.account.code, "--instrument", road.code,
        "--side", "BUY", "--qty", "1", "--price", price, "--by", "ada", "--reason", "by hand",
    )  # fmt: skip


def test_an_order_is_sent_by_the_desk_while_the_command_waits(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    with _sweeping():
        _submit(road, "97")
    assert re.fullmatch(r"[A-Z2-7]{32} NEW\n", capsys.readouterr().out)


def test_a_cancel_is_done_while_the_command_waits(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    with _sweeping():
        _submit(road, "97")
        name = Order.objects.get().public_id
        call_command("order", "cancel", name, "--by", "ada", "--reason", "enough")
    assert capsys.readouterr().out.splitlines()[-1] == f"{name} CANCELED"


def test_a_replaced_order_gives_way_while_the_command_waits(
    road: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    with _sweeping():
        _submit(road, "97")
        old = Order.objects.get().public_id
        capsys.readouterr()
        call_command(
            "order", "replace", old, "--price", "98", "--by", "ada", "--reason", "better"
        )  # fmt: skip
    new = Order.objects.latest("pk").public_id
    assert capsys.readouterr().out.splitlines() == [f"{new} NEW", f"{old} CANCELED"]
    assert ReplaceRequest.objects.get().outcome == "RELEASED"


@pytest.fixture
def unreachable(road: Road, settings: Any, tmp_path: Path) -> Road:
    """The account is at a sandbox that was there when the desk started, and is not any more."""
    road.move(101)
    road.hold()
    key = tmp_path / "key.json"
    key.write_text('{"api_key": "k", "api_secret": "s"}')
    key.chmod(0o600)
    there = {
        **settings.AITRADER_VENUES["BINANCE"],
        "rest_url": "http://127.0.0.1:9",
        "credentials": f"file:{key}",
    }
    settings.AITRADER_VENUES = {**settings.AITRADER_VENUES, "BINANCE": there}
    Venue.objects.filter(code="SIM").update(code="BINANCE")
    return road


def _sell(road: Road) -> None:
    call_command(
        "order", "submit", "--account", road.desk.account.code, "--instrument", road.code,
        "--side", "SELL", "--type", "MARKET", "--qty", "1", "--reduce-only",
        "--by", "ada", "--reason", "out", "--wait", "0",
    )  # fmt: skip


def test_a_reduce_only_sale_is_written_while_the_venue_does_not_answer(unreachable: Road) -> None:
    _sell(unreachable)
    order = Order.objects.latest("pk")
    assert (order.ord_status, order.side, order.reduce_only) == ("CREATED", "SELL", True)


@pytest.mark.parametrize(
    "lacking",
    [{"maker_rate": None}, {"taker_rate": None}, {"capabilities": {"of": "another version"}}],
)
def test_without_kept_fees_the_venue_is_asked_and_its_silence_denies(
    unreachable: Road, lacking: dict[str, Any]
) -> None:
    before = Order.objects.count()
    VenueFacts.objects.update(**lacking)
    with pytest.raises(BadInput, match="the venue does not tell its fees"):
        _sell(unreachable)
    assert Order.objects.count() == before


def test_slices_are_cut_by_the_sweep(road: Road) -> None:
    call_command(
        "order", "twap", "--account", road.desk.account.code, "--instrument", road.code, "--side",
        "BUY", "--qty", "10", "--over", "5m", "--slices", "5", "--by", "ada", "--reason", "slowly",
    )  # fmt: skip
    sweep()
    sweep()
    order = Order.objects.get()
    assert (order.ord_status, order.order_qty) == ("NEW", 2)


def test_a_feed_that_ended_ends_what_was_to_be_sliced(road: Road) -> None:
    test_slices_are_cut_by_the_sweep(road)
    Feed.objects.update(status="ENDED")
    for _ in range(3):
        sweep()
    assert Order.objects.get().ord_status == "CANCELED"
    assert ParentOrder.objects.get().closed_at is not None

"""Tick and lot of the simulated venue follow the bars that are traded, whatever came before."""

from decimal import Decimal
from pathlib import Path

from aitrader import paper
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.events import EventName
from aitrader.paper import PaperDesk, PaperOptions
from compliance.selectors import journal
from compliance.services import sequencer
from tests.factories import candles
from tests.integration.trading_tasks import market
from trading.domain.instrument import Instrument
from trading.models import InstrumentRow, Order
from trading.services import bar_steps, configuration
from trading.services.desk_loop import DeskLoop

D = Decimal


def _cheap_file(folder: Path) -> Path:
    """Bars of the same symbol at a thousandth of the price, with other steps."""
    rows = []
    for bar in candles.simulated(200):
        prices = [round(price / 1000, 3) for price in (bar.open, bar.high, bar.low, bar.close)]
        rows.append(f"{candles.millis(bar.open_time)},{','.join(map(str, prices))},100000")
    return candles.write(folder / "btcusdt_1m.csv", rows)


def _opened(file: Path, code: str) -> tuple[PaperDesk, Instrument]:
    options = PaperOptions(replay=[str(file)])
    found = paper.market(options)
    at = Moment(market=candles.START, wall=WALL.now())
    made = paper.open_desk(options, found, code=code, namespace=market.NAMESPACE, at=at)
    return made, found.instruments[0][0]


def _rules(row: InstrumentRow) -> tuple[Decimal, Decimal, Decimal]:
    row.refresh_from_db()
    return row.tick, row.lot, row.min_qty


def test_a_later_file_trades_with_the_steps_of_its_own_bars(
    fresh_database: str, tmp_path: Path
) -> None:
    market.by_loop(200)
    row = InstrumentRow.objects.get(code="SIM:BTC-USDT")
    assert Order.objects.filter(instrument=row).exists()
    assert _rules(row) == (D("0.01"), D("0.00001"), D("0.00001"))
    file = _cheap_file(tmp_path)
    made, inferred = _opened(file, "cheap")
    assert (inferred.tick, inferred.lot) == (D("0.001"), D("0.01"))
    [traded] = paper.instruments_of(made.desk).values()
    assert (traded.tick, traded.lot, traded.min_qty) == (D("0.001"), D("0.01"), D("0.01"))
    loop = DeskLoop(desk=made.desk, gateway=made.gateway, engine=made.engine, wall=WALL)
    loop.play(bar_steps.steps(made.market.streams))
    orders = Order.objects.filter(account=made.desk.account, filled_qty__gt=0)
    assert orders.exists()
    assert all(order.order_qty % inferred.lot == 0 for order in orders)
    sequencer.catch_up()
    entry = journal.for_object("instrument", row.code)[-1]
    assert (entry.event, entry.actor) == (EventName.INSTRUMENT_CHANGED, "setup")
    assert entry.data["reason"] == "as the bars of btcusdt_1m.csv have it"
    assert entry.data["before"] == {"tick": "0.01", "lot": "0.00001", "min_qty": "0.00001"}
    # Back to the first market: its own steps again.
    market.opened(200)
    assert _rules(row) == (D("0.01"), D("0.00001"), D("0.00001"))


def test_steps_that_an_operator_has_set_stay(fresh_database: str, tmp_path: Path) -> None:
    market.opened(10)
    row = InstrumentRow.objects.get(code="SIM:BTC-USDT")
    configuration.change_instrument(
        instrument_id=row.pk,
        rules={"tick": "0.1"},
        actor="operator:test",
        reason="test",
        now=WALL.now(),
    )
    sequencer.catch_up()
    _opened(_cheap_file(tmp_path), "cheap")
    assert _rules(row) == (D("0.1"), D("0.00001"), D("0.00001"))

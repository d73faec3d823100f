"""A local order book against the exchange's own, while updates are lost, doubled and reordered."""

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel.fix import Side
from trading.domain.depth import DepthSnapshot, DepthUpdate, Level, LocalBook, Outcome
from trading.sandbox.book import Book

_ALL = 1_000
Truth = dict[int, tuple[tuple[Level, ...], tuple[Level, ...]]]


def _levels(book: Book) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    return book.levels(Side.BUY, _ALL), book.levels(Side.SELL, _ALL)


def _history(draw: Random, steps: int) -> tuple[list[DepthUpdate], list[DepthSnapshot], Truth]:
    """What an exchange tells of its book, and what its book was after each update."""
    book, updates, snapshots = Book(), [], []
    truth: Truth = {0: ((), ())}
    resting: list[int] = []
    for step in range(steps):
        for number in range(draw.randint(1, 3)):
            if resting and draw.random() < 0.4:
                book.remove(resting.pop(draw.randrange(len(resting))))
                continue
            side = draw.choice(list(Side))
            px = Decimal(draw.randint(90, 99) if side is Side.BUY else draw.randint(100, 109))
            book.add(step * 10 + number, side, px, Decimal(draw.randint(1, 9)))
            resting.append(step * 10 + number)
        cut = book.cut()
        assert cut
        updates.append(DepthUpdate(cut.first_update_id, cut.last_update_id, cut.bids, cut.asks))
        truth[cut.last_update_id] = _levels(book)
        snapshots.append(DepthSnapshot(book.update_id, *_levels(book)))
    return updates, snapshots, truth


@given(st.randoms(use_true_random=False), st.integers(1, 30), st.floats(0, 0.4))
def test_whatever_is_lost_doubled_or_late_a_book_that_is_believed_is_the_exchanges(
    draw: Random, steps: int, faults: float
) -> None:
    updates, snapshots, truth = _history(draw, steps)
    told: list[tuple[int, DepthUpdate]] = []
    for number, update in enumerate(updates):
        if draw.random() < faults:
            continue
        copies = 2 if draw.random() < faults else 1
        delays = [number + (draw.randint(0, 3) if draw.random() < faults else 0)] * copies
        told += [(delay, update) for delay in delays]
    told.sort(key=lambda each: each[0])
    local = LocalBook()
    for number, update in told:
        if local.last_id is None and draw.random() < 0.5:
            # A snapshot may be asked of a replica that is late.
            local.begin(snapshots[max(0, min(number, steps - 1) - draw.randint(0, 4))])
        local.hear(update)
        if local.last_id is None:
            assert (local.bids(1), local.asks(1)) == ([], [])
        else:
            bids, asks = truth[local.last_id]
            assert (tuple(local.bids(_ALL)), tuple(local.asks(_ALL))) == (bids, asks)


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_without_faults_one_snapshot_is_enough(draw: Random, steps: int) -> None:
    updates, snapshots, truth = _history(draw, steps)
    local = LocalBook()
    asked = draw.randrange(steps)
    for number, update in enumerate(updates):
        if number == asked:
            assert local.begin(snapshots[draw.randint(0, steps - 1)]) is Outcome.APPLIED
        assert local.hear(update) in (Outcome.APPLIED, Outcome.OLD, Outcome.WAITS)
    if local.last_id is not None:
        assert (tuple(local.bids(_ALL)), tuple(local.asks(_ALL))) == truth[local.last_id]

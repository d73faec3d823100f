"""Positions and ledger agree with an independent oracle on thousands of random histories.

Half of them are SPOT, half PERP, with flips, closes to exactly zero, and fees in base, quote and
a third asset with and without a rate. 500 histories in every run, 10,000 with `make prove`.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from aitrader.kernel.fix import AccountKind, Side
from tests.property.oracle import Oracle
from trading.domain.ledger import LedgerAccount, Posting, check_zero_sum, postings_for_fill
from trading.domain.position import FillFacts, PositionState

#: What rounding to 18 decimals may differ by after some twenty fills; a thousandth of a cent is
#: a million million times more.
ROUNDING = Fraction(1, 10**16)

scaled_fills = st.tuples(
    st.booleans(),
    st.integers(1, 5_000_000),
    st.integers(1, 10_000_000),
    st.integers(0, 1_000_000),
    st.sampled_from(("USDT", "BTC", "BNB", "BNB without a rate")),
    st.integers(0, 9),
)
histories = st.lists(scaled_fills, min_size=1, max_size=20)


def fill_of(scaled: tuple[bool, int, int, int, str, int], held: Decimal) -> FillFacts:
    """A fill in real units; one in ten closes what is held to exactly zero."""
    buys, lots, cents, fee, fee_asset, die = scaled
    qty = Decimal(lots).scaleb(-5)
    if die == 0 and held:
        buys, qty = held < 0, abs(held)
    return FillFacts(
        side=Side.BUY if buys else Side.SELL,
        qty=qty,
        px=Decimal(cents).scaleb(-2),
        fee=Decimal(fee).scaleb(-8),
        fee_asset=fee_asset[:4].strip(),
        base="BTC",
        quote="USDT",
        fee_rate=Decimal("612.34") if fee_asset == "BNB" else None,
    )


def check_history(kind: AccountKind, history: list[tuple[bool, int, int, int, str, int]]) -> None:
    oracle = Oracle(spot=kind is AccountKind.SPOT)
    state = PositionState(kind)
    postings: list[Posting] = []
    for scaled in history:
        fill = fill_of(scaled, state.quantity)
        state, effect = state.apply(fill)
        transaction = postings_for_fill(
            kind=kind,
            side=fill.side,
            qty=fill.qty,
            px=fill.px,
            fee=fill.fee,
            fee_asset=fill.fee_asset,
            base=fill.base,
            quote=fill.quote,
            realised=effect.realised,
        )
        check_zero_sum(transaction)
        postings.extend(transaction)
        oracle.fill(
            buys=fill.side is Side.BUY,
            qty=Fraction(fill.qty),
            px=Fraction(fill.px),
            fee=Fraction(fill.fee),
            fee_asset=fill.fee_asset,
            rate=None if fill.fee_rate is None else Fraction(fill.fee_rate),
        )
        check_position(state, oracle, mark=fill.px + 1)
        assert effect.oversold == (oracle.spot and oracle.quantity < 0)
        unknown_rate = fill.fee_asset == "BNB" and fill.fee_rate is None and fill.fee > 0
        assert effect.missing_fee_conversion == unknown_rate
    check_balances(postings, oracle)


def check_position(state: PositionState, oracle: Oracle, mark: Decimal) -> None:
    assert Fraction(state.quantity) == oracle.quantity
    assert abs(Fraction(state.cost) - oracle.cost) < ROUNDING
    assert abs(Fraction(state.realised_pnl) - oracle.realised) < ROUNDING
    assert Fraction(state.fees) == oracle.fees
    if state.quantity == 0:
        assert state.cost == 0
    # What is rounded out of the cost is rounded into the profit: their sum is exact.
    equity = Fraction(state.realised_pnl) + Fraction(state.unrealised(mark))
    assert equity == oracle.cash_of_trades + oracle.quantity * Fraction(mark)


def check_balances(postings: list[Posting], oracle: Oracle) -> None:
    venue: dict[str, Fraction] = {}
    for posting in postings:
        assert posting.amount != 0
        assert posting.account is not LedgerAccount.SUSPENSE
        if posting.account is LedgerAccount.VENUE:
            before = venue.get(posting.asset, Fraction(0))
            venue[posting.asset] = before + Fraction(posting.amount)
    for asset in {*venue, *oracle.balances}:
        held = venue.get(asset, Fraction(0))
        assert abs(held - oracle.balances[asset]) < ROUNDING, asset
    if oracle.spot:
        assert venue.get("BTC", Fraction(0)) == oracle.quantity


@pytest.mark.parametrize("kind", AccountKind)
def test_position_and_ledger_agree_with_the_oracle(kind: AccountKind) -> None:
    @settings(max_examples=250)
    @given(histories)
    def agree(history: list[tuple[bool, int, int, int, str, int]]) -> None:
        check_history(kind, history)

    agree()


@pytest.mark.prove
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", AccountKind)
@pytest.mark.parametrize("part", range(5))
def test_position_and_ledger_agree_with_the_oracle_on_ten_thousand_histories(
    kind: AccountKind, part: int
) -> None:
    @seed(part)
    @settings(max_examples=1_000, database=None)
    @given(histories)
    def agree(history: list[tuple[bool, int, int, int, str, int]]) -> None:
        check_history(kind, history)

    agree()


@given(histories, st.integers(0, 19))
def test_a_fill_that_is_taken_back_leaves_what_was_held_before_and_its_worth(
    history: list[tuple[bool, int, int, int, str, int]], which: int
) -> None:
    state, fills = PositionState(AccountKind.SPOT), list[FillFacts]()
    for scaled in history:
        fills.append(fill_of(scaled, state.quantity))
        state, _ = state.apply(fills[-1])
    gone = fills[which % len(fills)]
    state, _ = state.apply(replace(gone, qty=-gone.qty, fee=-gone.fee))
    without = PositionState(AccountKind.SPOT)
    for fill in fills:
        if fill is not gone:
            without, _ = without.apply(fill)
    mark = Decimal("123.45")
    assert state.quantity == without.quantity
    assert state.fees == without.fees
    worths = [
        Fraction(each.realised_pnl) + Fraction(each.unrealised(mark)) for each in (state, without)
    ]
    assert abs(worths[0] - worths[1]) < ROUNDING


def test_the_oracle_notices_a_wrong_cost() -> None:
    oracle = Oracle(spot=True)
    oracle.fill(
        buys=True,
        qty=Fraction(1),
        px=Fraction(100),
        fee=Fraction(0),
        fee_asset="USDT",
        rate=None,
    )
    right = PositionState(AccountKind.SPOT, Decimal(1), Decimal(100))
    check_position(right, oracle, mark=Decimal(101))
    wrong = PositionState(AccountKind.SPOT, Decimal(1), Decimal("100.000000000000001"))
    with pytest.raises(AssertionError):
        check_position(wrong, oracle, mark=Decimal(101))

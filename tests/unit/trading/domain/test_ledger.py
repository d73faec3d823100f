"""Postings of fills and deposits: what moved, and that it sums to zero."""

from decimal import Decimal

import pytest

from aitrader.kernel.errors import IntegrityFailure
from aitrader.kernel.fix import AccountKind, Side
from trading.domain.ledger import (
    LedgerAccount,
    Posting,
    check_zero_sum,
    postings_for_deposit,
    postings_for_fill,
    reverse,
    sums,
)

D = Decimal
VENUE, TRADE, FEES = LedgerAccount.VENUE, LedgerAccount.TRADE, LedgerAccount.FEES
PNL, EXTERNAL = LedgerAccount.PNL, LedgerAccount.EXTERNAL


def postings(
    kind: AccountKind, side: Side, *, fee: str = "0.1", fee_asset: str = "USDT", realised: str = "0"
) -> tuple[Posting, ...]:
    return postings_for_fill(
        kind=kind,
        side=side,
        qty=D("0.5"),
        px=D(200),
        fee=D(fee),
        fee_asset=fee_asset,
        base="BTC",
        quote="USDT",
        realised=D(realised),
    )


def test_a_spot_buy_moves_base_in_and_quote_and_fee_out() -> None:
    assert postings(AccountKind.SPOT, Side.BUY) == (
        Posting(VENUE, "BTC", D("0.5")),
        Posting(TRADE, "BTC", D("-0.5")),
        Posting(VENUE, "USDT", D(-100)),
        Posting(TRADE, "USDT", D(100)),
        Posting(VENUE, "USDT", D("-0.1")),
        Posting(FEES, "USDT", D("0.1")),
    )


def test_a_spot_sale_with_its_fee_in_a_third_asset_balances_in_three_assets() -> None:
    made = postings(AccountKind.SPOT, Side.SELL, fee="0.002", fee_asset="BNB")
    assert sums(made) == {"BTC": 0, "USDT": 0, "BNB": 0}
    assert Posting(VENUE, "BTC", D("-0.5")) in made
    assert Posting(VENUE, "USDT", D(100)) in made
    assert Posting(VENUE, "BNB", D("-0.002")) in made


def test_a_perpetual_moves_its_realised_profit_and_fee_and_no_base() -> None:
    assert postings(AccountKind.PERP, Side.SELL, realised="-20") == (
        Posting(VENUE, "USDT", D(-20)),
        Posting(PNL, "USDT", D(20)),
        Posting(VENUE, "USDT", D("-0.1")),
        Posting(FEES, "USDT", D("0.1")),
    )


def test_what_is_zero_is_not_posted() -> None:
    assert postings(AccountKind.PERP, Side.BUY, fee="0") == ()


def test_a_deposit_comes_from_outside_and_its_reversal_goes_back() -> None:
    made = postings_for_deposit("USDT", D(100_000))
    assert made == (
        Posting(VENUE, "USDT", D(100_000)),
        Posting(EXTERNAL, "USDT", D(-100_000)),
    )
    assert sum(posting.amount for posting in (*made, *reverse(made))[::2]) == 0


def test_amounts_are_posted_to_eighteen_decimals() -> None:
    (first, second) = postings_for_deposit("BTC", D("0.1234567890123456785"))
    assert first.amount == D("0.123456789012345678") == -second.amount


def test_postings_that_do_not_balance_are_refused_by_asset_and_amount() -> None:
    lopsided = (*postings_for_deposit("USDT", D(1)), Posting(VENUE, "BTC", D("0.25")))
    with pytest.raises(IntegrityFailure, match=r"^postings do not sum to zero: BTC by 0\.25$"):
        check_zero_sum(lopsided)
    check_zero_sum(lopsided[:2])

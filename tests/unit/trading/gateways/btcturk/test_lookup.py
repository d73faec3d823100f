"""Which of the venue's orders bears a client id of ours, and what is a double."""

from collections.abc import Mapping
from typing import Any

import pytest

from aitrader.kernel.errors import OutcomeUnknown
from trading.gateways.btcturk import lookup
from trading.gateways.btcturk.lookup import Ids, Memory

NAME = "ABC"


def _row(number: int, name: str = NAME, method: str = "limit", status: str = "Closed") -> Any:
    return {
        "id": number, "amount": "1", "leftAmount": "0", "orderClientId": name, "method": method,
        "status": status, "updateTime": 1,
    }  # fmt: skip


class _Venue:
    """Open orders, all orders newest first in pages of two that begin at `base`, trades, and an
    order that only a read by its id tells."""

    def __init__(
        self,
        *rows: Any,
        opened: tuple[Any, ...] = (),
        trades: tuple[Any, ...] = (),
        unlisted: Any = None,
        base: int = 1,
    ) -> None:
        self._rows = sorted(rows, key=lambda row: -row["id"])
        self._open = opened
        self._trades = trades
        self._unlisted = unlisted
        self._base = base

    def read(self, path: str, params: Mapping[str, str] | None = None, **_: object) -> Any:
        asked = dict(params or {})
        if path == lookup.OPEN_ORDERS:
            return {"bids": list(self._open), "asks": []}
        if path == lookup.TRADES:
            return list(self._trades)
        if path == lookup.ALL_ORDERS:
            first = (int(asked.get("page", self._base)) - self._base) * 2
            return self._rows[first : first + 2] if first >= 0 else []
        return self._unlisted


def _found(venue: _Venue) -> tuple[str, str] | None:
    asked: Any = venue
    found = lookup.search(asked, "BTCTRY", NAME)
    return None if found is None else (found.first_id, found.works.order_id)


@pytest.mark.parametrize("base", [0, 1])
def test_all_pages_are_looked_through_whichever_number_is_first(base: int) -> None:
    others = [_row(number, "other") for number in range(2, 10)]
    assert _found(_Venue(_row(1), *others, base=base)) == ("1", "1")


def test_an_order_that_is_open_is_found_there() -> None:
    row = _row(5, status="Untouched")
    assert _found(_Venue(row, opened=(row,))) == ("5", "5")
    assert _found(_Venue(opened=(row,))) == ("5", "5")


def test_no_order_is_none() -> None:
    assert _found(_Venue()) is None
    assert _found(_Venue(*(_row(number, "other") for number in range(5)))) is None


def test_an_order_that_only_its_trades_remember_is_found() -> None:
    trades = ({"orderId": 7, "orderClientId": NAME}, {"id": 1})
    assert _found(_Venue(unlisted=_row(7), trades=trades)) == ("7", "7")


def test_two_orders_of_one_client_id_are_a_double_that_is_seen() -> None:
    with pytest.raises(OutcomeUnknown, match="several orders bear the client id ABC: 1, 2"):
        _found(_Venue(_row(1), _row(2)))


def test_a_stop_and_what_its_trigger_made_are_one_order() -> None:
    stop = _row(1, method="stopmarket", status="Canceled")
    assert _found(_Venue(stop, _row(2, method="market"))) == ("1", "2")


@pytest.mark.parametrize(
    "rows",
    [
        (_row(1, method="stopmarket", status="Untouched"), _row(2, method="market")),
        (
            _row(1, method="stopmarket", status="Canceled"),
            _row(2, method="stoplimit", status="Canceled"),
        ),
        (_row(1, method="stoplimit", status="Canceled"), _row(2), _row(3)),
    ],
)
def test_a_stop_that_lives_beside_another_order_is_a_double(rows: tuple[Any, ...]) -> None:
    with pytest.raises(OutcomeUnknown, match="several orders"):
        _found(_Venue(*rows))


def test_more_orders_than_are_looked_through_are_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_MOST_PAGES", 3)
    others = [_row(number, "other") for number in range(20)]
    with pytest.raises(OutcomeUnknown, match="and there are more"):
        _found(_Venue(*others))


def test_the_oldest_ids_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "_MOST_REMEMBERED", 2)
    memory = Memory()
    for name in "abc":
        memory.remember(name, Ids(name, name))
    assert [memory.known(name) is None for name in "abc"] == [True, False, False]

"""Client order ids on their way to a venue that takes hex digits, and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitrader.kernel import ids
from aitrader.kernel.errors import RejectedByVenue
from trading.gateways.generic import client_ids
from trading.gateways.generic.client_ids import ClientIds

DESK = [ids.derive("seed-1", "order", number) for number in range(200)]


def _beginning(head: str) -> list[str]:
    return [each for each in DESK if each.startswith(head)]


@pytest.mark.parametrize("ours", DESK[:20])
def test_an_id_of_the_desk_finds_its_way_back(ours: str) -> None:
    names = ClientIds(hexed=True, beginning=_beginning)
    theirs = names.theirs(ours)
    assert re.fullmatch("[0-9a-f]{32}", theirs)
    assert names.ours(theirs) == ours
    assert names.ours(f"{theirs[:8]}-{theirs[8:12]}-{theirs[12:16]}-{theirs[16:]}") == ours


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_orders_are_written_differently(one: int, other: int) -> None:
    names = ClientIds(hexed=True)
    first, second = (names.theirs(ids.derive("n", "order", each)) for each in (one, other))
    assert (first == second) == (one == other)


def test_an_order_of_somebody_else_keeps_its_name() -> None:
    names = ClientIds(hexed=True, beginning=_beginning)
    assert names.ours("00112233445566778899aabbccddeeff") == "00112233445566778899aabbccddeeff"
    assert names.ours("arb-20240509-00010") == "arb-20240509-00010"
    for theirs in ("6d1b345e-2821-40e2-ad83-4ecb18a06876", "da8e4ad59b78481c93e589746b0cf91f"):
        assert names.theirs(names.ours(theirs)) == theirs


def test_an_order_without_a_name_goes_by_the_venues_number() -> None:
    assert client_ids.venues_id(client_ids.unnamed("OQCLML-BW3P3-BUCMWZ")) == "OQCLML-BW3P3-BUCMWZ"
    assert client_ids.venues_id(DESK[0]) == ""


def test_where_any_text_is_taken_nothing_is_changed() -> None:
    names = ClientIds(hexed=False)
    assert names.theirs(DESK[0]) == names.ours(DESK[0]) == DESK[0]


def test_what_cannot_be_written_is_refused_before_it_is_sent() -> None:
    with pytest.raises(RejectedByVenue):
        ClientIds(hexed=True).theirs("longer than eighteen characters")

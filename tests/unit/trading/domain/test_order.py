"""The client order id of an intent."""

from trading.domain.order import client_order_id


def test_a_client_order_id_is_the_same_on_a_second_try_and_new_on_a_new_attempt() -> None:
    first = client_order_id("seed-1", "I", 1)
    assert client_order_id("seed-1", "I", 1) == first
    assert len(first) == 32
    assert len({first, client_order_id("seed-1", "I", 2), client_order_id("seed-2", "I", 1)}) == 3

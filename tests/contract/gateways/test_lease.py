"""A sender stopped between its look at the lease and the venue sends nothing afterwards."""

import pytest

from aitrader.kernel import lease
from aitrader.kernel.clock import monotonic
from aitrader.kernel.errors import NotSent
from trading.management.commands import conformance
from trading.sandbox.stand import stand


@pytest.mark.parametrize("name", conformance.VENUES)
def test_a_request_that_comes_after_the_lease_does_not_leave(name: str) -> None:
    with stand(conformance.VENUES[name], venue=name) as made:
        order = made.order()
        with lease.until(monotonic() - 1), pytest.raises(NotSent):
            made.gateway.submit(account="", order=order)
        # What is asked for in good time, or under no lease, goes.
        assert made.at_venue() == []
        with lease.until(monotonic() + 60):
            made.gateway.submit(account="", order=order)
        (sent,) = made.at_venue()
        assert sent["cl_ord_id"] == order.cl_ord_id
        made.gateway.balances(account="")


@pytest.mark.parametrize("name", conformance.VENUES)
def test_neither_does_one_whose_clock_was_asked_before(name: str) -> None:
    with stand(conformance.VENUES[name], venue=name) as made:
        made.gateway.balances(account="")
        with lease.until(monotonic() - 1), pytest.raises(NotSent):
            made.gateway.submit(account="", order=made.order())
        assert made.at_venue() == []

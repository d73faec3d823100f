"""What a cancel at Coinbase proves, over a line of which every answer is written here."""

from decimal import Decimal as D
from typing import Any

import pytest

from aitrader.kernel.errors import GatewayError, NotSent, OutcomeUnknown, RejectedByVenue
from aitrader.kernel.fix import ExecType
from tests.unit.trading.gateways.coinbase.scripted import (
    cancel,
    gateway_on,
    page,
    result,
    told_order,
)


def test_a_cancel_is_done_when_the_order_says_so() -> None:
    gateway, line = gateway_on(
        batch=[page(told_order())],
        batch_cancel=[result()],
        **{"o-1": [{"order": told_order(status="CANCELLED", filled_size="0.004")}]},
    )
    report = cancel(gateway)
    assert (report.exec_type, report.cum_qty, report.cl_ord_id) == (
        ExecType.CANCELED,
        D("0.004"),
        "A",
    )
    assert ("/orders/batch_cancel", {"order_ids": ["o-1"]}) in line.asked


@pytest.mark.parametrize(
    ("result", "order", "proves", "gone"),
    [
        (result(), told_order(status="CANCEL_QUEUED"), OutcomeUnknown, None),
        (result(), told_order(status="OPEN"), OutcomeUnknown, None),
        (result(), told_order(status="FILLED", filled_size="0.01"), RejectedByVenue, True),
        (result(), NotSent("silence"), OutcomeUnknown, None),
        (result(), RejectedByVenue("NOT_FOUND", ""), OutcomeUnknown, None),
        (result(order_id="o-2"), told_order(), OutcomeUnknown, None),
        ({"results": []}, told_order(), OutcomeUnknown, None),
        (
            result(success=False, failure_reason="UNKNOWN_CANCEL_ORDER"),
            told_order(),
            RejectedByVenue,
            True,
        ),
        (
            result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            told_order(status="FILLED", filled_size="0.01"),
            RejectedByVenue,
            True,
        ),
        (
            result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            told_order(),
            RejectedByVenue,
            False,
        ),
        (
            result(success=False, failure_reason="COMMANDER_REJECTED_CANCEL_ORDER"),
            OutcomeUnknown("no answer"),
            RejectedByVenue,
            False,
        ),
        (result(success=False), told_order(), OutcomeUnknown, None),
        (
            result(success=False, failure_reason="DUPLICATE_CANCEL_REQUEST"),
            told_order(),
            OutcomeUnknown,
            None,
        ),
    ],
)
def test_what_a_cancel_proves(
    result: Any, order: Any, proves: type[GatewayError], gone: bool | None
) -> None:
    told = order if isinstance(order, GatewayError) else {"order": order}
    gateway, _ = gateway_on(batch=[page(told_order())], batch_cancel=[result], **{"o-1": [told]})
    with pytest.raises(proves) as refused:
        cancel(gateway)
    if isinstance(refused.value, RejectedByVenue):
        assert refused.value.gone is gone


def test_an_order_that_has_rested_for_longer_than_is_looked_back_can_be_cancelled() -> None:
    gateway, _ = gateway_on(
        batch=[page(), page(), page(told_order()), page()],
        batch_cancel=[result()],
        **{"o-1": [{"order": told_order(status="CANCELLED")}]},
    )
    assert cancel(gateway).exec_type is ExecType.CANCELED

"""What an account's venue has no words for is known before anything is sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aitrader.kernel.fix import OrdType, Origin, Side, TimeInForce
from trading.domain.order import MEANINGS, OrderIntent, Unsupported, unsupported
from trading.domain.ports import EVERYTHING, Capabilities
from trading.gateways.binance.gateway import CAPABILITIES as BINANCE
from trading.gateways.btcturk.gateway import CAPABILITIES as BTCTURK
from trading.gateways.coinbase.gateway import CAPABILITIES as COINBASE
from trading.gateways.sim.gateway import CAPABILITIES as SIM

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LIMIT = OrderIntent(
    intent_id="I", account="A", instrument="SIM:BTC-USDT", side=Side.BUY, ord_type=OrdType.LIMIT,
    order_qty=Decimal(1), origin=Origin.OPERATOR, reference_px=Decimal(100), reason="test",
    decided_at=NOW, price=Decimal(100),
)  # fmt: skip
IOC, FOK, GTD = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD
UNTIL = {"time_in_force": GTD, "expire_time": LATER}
CODE = Unsupported


@pytest.mark.parametrize(
    ("venue", "asked", "codes"),
    [
        (EVERYTHING, {}, []),
        (EVERYTHING, UNTIL, []),
        (EVERYTHING, {"post_only": True}, []),
        (EVERYTHING, {**UNTIL, "post_only": True}, []),
        (BINANCE, {"time_in_force": IOC}, []),
        (BINANCE, {"time_in_force": FOK}, []),
        (BINANCE, {"post_only": True}, []),
        (BINANCE, UNTIL, [CODE.TIME_IN_FORCE]),
        (COINBASE, UNTIL, []),
        (COINBASE, {"time_in_force": FOK}, []),
        (COINBASE, {"ord_type": OrdType.STOP}, [CODE.ORD_TYPE]),
        (BTCTURK, {"time_in_force": IOC}, [CODE.TIME_IN_FORCE]),
        (BTCTURK, {"post_only": True}, [CODE.POST_ONLY]),
        (SIM, {"ord_type": OrdType.STOP_LIMIT}, [CODE.ORD_TYPE]),
        (SIM, {**UNTIL, "post_only": True}, [CODE.TIME_IN_FORCE, CODE.POST_ONLY]),
        (BINANCE, {"ord_type": OrdType.STOP_LIMIT, "time_in_force": IOC}, []),
        (BINANCE, {"ord_type": OrdType.LIMIT_IF_TOUCHED, "time_in_force": FOK}, []),
        (BINANCE, {**UNTIL, "ord_type": OrdType.STOP_LIMIT}, [CODE.TIME_IN_FORCE]),
        (BINANCE, {"ord_type": OrdType.STOP_LIMIT, "post_only": True}, [CODE.POST_ONLY_OF_LIMIT]),
        (COINBASE, {**UNTIL, "ord_type": OrdType.LIMIT_IF_TOUCHED}, []),
        (COINBASE, {"ord_type": OrdType.STOP_LIMIT, "time_in_force": IOC}, [CODE.TIME_IN_FORCE]),
        (BTCTURK, {"ord_type": OrdType.STOP_LIMIT, "time_in_force": FOK}, [CODE.TIME_IN_FORCE]),
        (BINANCE, {"ord_type": OrdType.STOP, "time_in_force": IOC}, [CODE.TIME_IN_FORCE_OF_LIMIT]),
        (BINANCE, {"ord_type": OrdType.STOP, "oco_group": "G"}, []),
        (BTCTURK, {"ord_type": OrdType.STOP, "oco_group": "G"}, [CODE.PAIR]),
        (BTCTURK, {"ord_type": OrdType.STOP, "oco_group": "G", "origin": Origin.PROTECTION}, []),
        (EVERYTHING, {"ord_type": OrdType.MARKET, "time_in_force": IOC},
         [CODE.TIME_IN_FORCE_OF_LIMIT]),
        (EVERYTHING, {"time_in_force": IOC, "post_only": True}, [CODE.POST_ONLY_OF_LIMIT]),
        (EVERYTHING, {"ord_type": OrdType.MARKET, "post_only": True}, [CODE.POST_ONLY_OF_LIMIT]),
        (EVERYTHING, {"time_in_force": GTD}, [CODE.EXPIRE_TIME_MISSING]),
        (EVERYTHING, {"time_in_force": GTD, "expire_time": NOW}, [CODE.EXPIRE_TIME_PAST]),
        (EVERYTHING, {"expire_time": LATER}, [CODE.EXPIRE_TIME_OF_GTD]),
    ],
)  # fmt: skip
def test_an_order_is_held_against_what_the_venue_has(
    venue: Capabilities, asked: dict[str, Any], codes: list[Unsupported]
) -> None:
    assert [*unsupported(replace(LIMIT, **asked), venue)] == codes


def test_every_problem_has_a_meaning_of_one_line() -> None:
    asked = replace(LIMIT, ord_type=OrdType.STOP_LIMIT, time_in_force=GTD, post_only=True)
    assert len(unsupported(asked, SIM)) == 5
    assert set(MEANINGS) == set(Unsupported)
    assert all(text and "\n" not in text for text in MEANINGS.values())

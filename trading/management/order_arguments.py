"""What `order` takes on the command line, read into the words of the services."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aitrader.kernel.clock import utc
from aitrader.kernel.errors import BadInput
from aitrader.kernel.fix import OrdType, Side, TimeInForce
from aitrader.kernel.money import amount
from trading.services import twap
from trading.services.pairs import Pair
from trading.services.person_orders import Wish

_WAIT_SECONDS = 5.0
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def add(parser: ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    _submit(what.add_parser("submit", help="order something"))
    _oco(what.add_parser("oco", help="order a stop and a target: the first to fill ends the other"))
    _twap(what.add_parser("twap", help="order something in slices over time"))
    _replace(what.add_parser("replace", help="change an order's quantity or limit"))
    _cancel(what.add_parser("cancel", help="cancel an order"))
    _list(what.add_parser("list", help="list what is open"))


def wish(given: dict[str, Any]) -> Wish:
    """The order that is asked for. Raises BadInput for what is no number or no instant."""
    return Wish(
        instrument=given["instrument"],
        side=Side(given["side"]),
        ord_type=OrdType(given["type"]),
        order_qty=amount(given["qty"], what="--qty"),
        price=number(given, "price"),
        stop_px=number(given, "stop_px"),
        trailing_bps=number(given, "trailing_bps"),
        time_in_force=TimeInForce(given["tif"]),
        expire_time=_instant(given["expire"]),
        post_only=given["post_only"],
        reduce_only=given["reduce_only"],
    )


def pair(given: dict[str, Any]) -> Pair:
    """The stop and the target that are asked for. Raises BadInput as `wish` does."""
    return Pair(
        instrument=given["instrument"],
        side=Side(given["side"]),
        order_qty=amount(given["qty"], what="--qty"),
        stop_px=amount(given["stop"], what="--stop"),
        target_px=amount(given["target"], what="--target"),
        reduce_only=given["reduce_only"],
    )


def over_time(given: dict[str, Any]) -> twap.Wish:
    """The order over time that is asked for. Raises BadInput as `wish` does."""
    return twap.Wish(
        instrument=given["instrument"],
        side=Side(given["side"]),
        order_qty=amount(given["qty"], what="--qty"),
        over=_duration(given["over"]),
        slices=given["slices"],
        price=number(given, "limit"),
    )


def _duration(text: str) -> timedelta:
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isdigit():
        raise BadInput(f"--over: {text} is no time such as 90s, 10m or 2h")
    try:
        return int(text[:-1]) * unit
    except OverflowError:
        raise BadInput(f"--over: {text} is too long") from None


def number(given: dict[str, Any], name: str) -> Decimal | None:
    """Raises BadInput for what is no number."""
    value = given[name]
    return None if value is None else amount(value, what=f"--{name.replace('_', '-')}")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return utc(datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(f"--expire: {text} is no instant such as 2026-11-21T18:00Z") from None


def _submit(parser: ArgumentParser) -> None:
    _market(parser)
    parser.add_argument("--type", choices=[*OrdType], default="LIMIT")
    parser.add_argument("--price", metavar="PX", help="the limit")
    parser.add_argument("--stop-px", metavar="PX", help="where a stop, or a target, is touched")
    parser.add_argument("--trailing-bps", metavar="BPS", help="how far a trailing stop follows")
    parser.add_argument("--tif", choices=[*TimeInForce], default="GTC", help="how long it lasts")
    parser.add_argument("--expire", metavar="INSTANT", help="when a GTD order ends, UTC")
    parser.add_argument("--post-only", action="store_true", help="refused rather than take")
    parser.add_argument("--reduce-only", action="store_true", help="may only shrink the position")
    _person(parser)


def _oco(parser: ArgumentParser) -> None:
    _market(parser)
    parser.add_argument("--stop", required=True, metavar="PX", help="where the loss ends")
    parser.add_argument("--target", required=True, metavar="PX", help="where the gain is taken")
    parser.add_argument("--reduce-only", action="store_true", help="may only shrink the position")
    _person(parser)


def _twap(parser: ArgumentParser) -> None:
    _market(parser)
    parser.add_argument("--over", required=True, metavar="TIME", help="such as 90s, 10m or 2h")
    parser.add_argument("--slices", type=int, required=True)
    parser.add_argument("--limit", metavar="PX", help="of each slice; without it, at the market")
    _person(parser)


def _replace(parser: ArgumentParser) -> None:
    parser.add_argument("order", help="its id, or the beginning of it")
    parser.add_argument("--qty", help="the whole, in base: what is filled counts")
    parser.add_argument("--price", metavar="PX", help="the limit")
    _person(parser)


def _cancel(parser: ArgumentParser) -> None:
    parser.add_argument("order", help="its id, or the beginning of it")
    _person(parser)


def _list(parser: ArgumentParser) -> None:
    parser.add_argument("--account", help="of this account only")
    parser.add_argument("--all", action="store_true", help="the last that are closed, too")
    parser.add_argument("--json", metavar="FILE")


def _market(parser: ArgumentParser) -> None:
    parser.add_argument("--account", required=True, help="such as PAPER-1")
    parser.add_argument("--instrument", required=True, help="such as BINANCE:BTC-USDT")
    parser.add_argument("--side", choices=[*Side], required=True)
    parser.add_argument("--qty", required=True, help="in base")


def _person(parser: ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="OPERATOR")
    parser.add_argument("--reason", required=True, help="written into the journal")
    parser.add_argument(
        "--wait", type=float, default=_WAIT_SECONDS, metavar="SECONDS", help="for the desk's answer"
    )

"""The limits of an instrument in words, for whoever looks at its rules."""

from collections.abc import Mapping
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from trading.domain.instrument_limits import Limits

LABELS: Mapping[str, Promise] = MappingProxyType(
    {
        "min_px": _("Least price"),
        "max_px": _("Greatest price"),
        "max_qty": _("Greatest quantity"),
        "market_lot": _("Lot at the market"),
        "market_min_qty": _("Least quantity at the market"),
        "market_max_qty": _("Greatest quantity at the market"),
        "max_notional": _("Greatest notional"),
        "min_notional_of_market": _("Least notional binds market orders"),
        "max_notional_of_market": _("Greatest notional binds market orders"),
        "notional_minutes": _("Notional at the average of minutes"),
        "bid_down": _("Limit of a buyer at least, times the price"),
        "bid_up": _("Limit of a buyer at most, times the price"),
        "ask_down": _("Limit of a seller at least, times the price"),
        "ask_up": _("Limit of a seller at most, times the price"),
        "band_minutes": _("That price is the average of minutes"),
        "max_orders": _("Most open orders"),
        "max_stops": _("Most open stops"),
        "max_lists": _("Most open lists"),
        "account_max_orders": _("Most open orders of the account"),
        "account_max_stops": _("Most open stops of the account"),
        "account_max_lists": _("Most open lists of the account"),
        "max_position": _("Greatest position"),
        "trailing_above_min": _("Trailing distance of a buyer at least, basis points"),
        "trailing_above_max": _("Trailing distance of a buyer at most, basis points"),
        "trailing_below_min": _("Trailing distance of a seller at least, basis points"),
        "trailing_below_max": _("Trailing distance of a seller at most, basis points"),
        "iceberg_parts": _("Most parts of an iceberg"),
        "max_icebergs": _("Most open icebergs"),
        "account_max_icebergs": _("Most open icebergs of the account"),
        "max_amendments": _("Most amendments of an order"),
    }
)


def lines(limits: Limits) -> list[tuple[str, str]]:
    """Label and value of each limit that there is."""
    return [(str(LABELS[name]), _value(value)) for name, value in limits.told().items()]


def _value(told: str | int) -> str:
    if isinstance(told, bool):
        return gettext("yes") if told else gettext("no")
    return str(told)

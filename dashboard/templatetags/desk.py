"""How numbers, instants and directions look on every page.

1. A number is never a float: Decimal to text, grouped, with U+2212 for minus.
2. Direction is always glyph and sign besides colour.
3. Times are UTC; the day is left out on the market's own day.
4. What is unknown is a dash.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import template
from django.db import DatabaseError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from aitrader.kernel.clock import iso, utc
from trading.domain.bar import interval_name
from trading.selectors import desk_view

register = template.Library()
DASH = "—"
MINUS = "\u2212"


@register.simple_tag
def desk_on_screen() -> dict[str, object]:
    """Mode and source for a page outside the frame: `desk`, and whether it could not be read."""
    try:
        return {"desk": desk_view.desk(), "unknown": False}
    except DatabaseError:
        return {"desk": None, "unknown": True}


def decimals(step: Decimal | None) -> int:
    """How many decimals a tick or a lot asks for."""
    if step is None:
        return 2
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 2


def number(value: Decimal | None, places: int, *, sign: bool = False) -> str:
    """Grouped, fixed places, half to even; a dash when unknown."""
    if value is None:
        return DASH
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    text = f"{abs(rounded):,f}"
    if rounded < 0:
        return MINUS + text
    return f"+{text}" if sign and rounded > 0 else text


@register.filter
def places(value: Decimal | None, count: int = 2) -> str:
    return number(value, count)


@register.filter
def by_step(value: Decimal | None, step: Decimal | None) -> str:
    return number(value, decimals(step))


@register.filter
def plain(value: Decimal | None) -> str:
    """All digits that are there, none that are not."""
    if value is None:
        return DASH
    trimmed = Decimal(value).normalize()
    return number(trimmed, decimals(trimmed if trimmed else Decimal(1)))


@register.filter
def percent(value: Decimal | None) -> str:
    return DASH if value is None else f"{number(Decimal(value) * 100, 2)} %"


@register.filter
def pnl(value: Decimal | None, count: int = 2) -> SafeString:
    """`▲ +412.77`, `▼ −88.10`, `0.00`."""
    if value is None:
        return format_html('<span class="muted">{}</span>', DASH)
    text = number(value, count, sign=True)
    if value > 0:
        return format_html('<span class="up">▲ {}</span>', text)
    if value < 0:
        return format_html('<span class="down">▼ {}</span>', text)
    return format_html("<span>{}</span>", text)


@register.filter
def side(value: str) -> SafeString:
    if value == "BUY":
        return format_html('<span class="up">▲ {}</span>', _("Buy"))
    return format_html('<span class="down">▼ {}</span>', _("Sell"))


@register.filter
def instant(value: datetime | None, reference: datetime | None = None) -> SafeString:
    """Time of day on the reference's day, else with the date; to the second."""
    return _instant(value, reference, "%H:%M:%S")


@register.filter
def instant_short(value: datetime | None, reference: datetime | None = None) -> SafeString:
    """To the minute: for a strip that has little room."""
    return _instant(value, reference, "%H:%M")


@register.filter
def instant_ms(value: datetime | None, reference: datetime | None = None) -> SafeString:
    return _instant(value, reference, "%H:%M:%S.%f", cut=3)


def _instant(
    value: datetime | None, reference: datetime | None, form: str, cut: int = 0
) -> SafeString:
    if value is None:
        return format_html("<span>{}</span>", DASH)
    value = utc(value)
    text = value.strftime(form)
    text = text[:-cut] if cut else text
    if reference is None or utc(reference).date() != value.date():
        text = f"{value:%Y-%m-%d} {text}"
    return format_html('<time datetime="{}">{}</time>', iso(value), text)


@register.filter
def age(value: timedelta | None) -> str:
    """`0.4 s`, `14 s`, `4 m 12 s`, `3 h 05 m`, `2 d 3 h`."""
    if value is None:
        return DASH
    seconds = max(0.0, value.total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def interval(seconds: int) -> str:
    """`1m`, `15m`, `4h`, `1d`: how a bar's length is named."""
    return interval_name(timedelta(seconds=seconds))


@register.filter
def symbol(code: str) -> str:
    """The canonical code without its venue."""
    return code.rpartition(":")[2]


@register.filter
def figure(text: str) -> str:
    """A number of the record, shortened to six decimals where it has more; other text as it is."""
    head, dot, tail = str(text).partition(".")
    if dot and tail.isdigit() and len(tail) > 6:
        return f"{head}.{tail[:6].rstrip('0') or '0'}…"
    return str(text)


@register.filter
def pretty(value: Any) -> str:
    """One value of a journal entry as text."""
    if value is None:
        return DASH
    if isinstance(value, list):
        return ", ".join(pretty(each) for each in value) or DASH
    if isinstance(value, dict):
        return ", ".join(f"{key} {pretty(each)}" for key, each in value.items()) or DASH
    return str(value)

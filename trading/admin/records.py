"""Fills, positions, trades, ledger, bars, signals: looked at only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from aitrader.kernel.money import plain
from compliance.admin.base import Record, amount, utc
from trading.models import (
    Balance,
    BarRow,
    Fill,
    LedgerPosting,
    LedgerTransaction,
    Position,
    Signal,
    Trade,
)


@admin.register(Fill)
class FillAdmin(Record):
    list_display = (
        "exec_id", "account", "time", "instrument", "side", "qty", "px", "fees", "fee_asset",
        "liquidity",
    )  # fmt: skip
    list_filter = ("account",)
    search_fields = ("exec_id", "order__public_id")
    list_select_related = ("account", "instrument")
    ordering = ("-id",)
    raw_id_fields = ("order",)
    time = utc("transact_time", gettext_lazy("Time"))
    qty = amount("last_qty", gettext_lazy("Qty"))
    px = amount("last_px", gettext_lazy("Price"))
    fees = amount("fee", gettext_lazy("Fee"))


@admin.register(Position)
class PositionAdmin(Record):
    list_display = ("account", "instrument", "qty", "cost_of_it", "realised", "paid")
    list_filter = ("account",)
    list_select_related = ("account", "instrument")
    ordering = ("account", "instrument")
    qty = amount("quantity", gettext_lazy("Quantity"))
    cost_of_it = amount("cost", gettext_lazy("Cost"))
    realised = amount("realised_pnl", gettext_lazy("Realised PnL"))
    paid = amount("fees", gettext_lazy("Fees"))


@admin.register(Trade)
class TradeAdmin(Record):
    list_display = (
        "public_id", "cursor_id", "side", "in_qty", "out_qty", "opened", "closed", "exit_reason",
    )  # fmt: skip
    ordering = ("-id",)
    in_qty = amount("entry_qty", gettext_lazy("In"))
    out_qty = amount("exit_qty", gettext_lazy("Out"))
    opened = utc("opened_at", gettext_lazy("Opened"))
    closed = utc("closed_at", gettext_lazy("Closed"))


@admin.register(Balance)
class BalanceAdmin(Record):
    list_display = ("account", "asset", "total")
    list_select_related = ("account",)
    ordering = ("account", "asset")
    total = amount("amount", gettext_lazy("Amount"))


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(Record):
    list_display = ("public_id", "account", "kind", "time", "postings_text")
    list_select_related = ("account",)
    ordering = ("-id",)
    fields = ("public_id", "account", "fill", "kind", "time", "postings_text")
    readonly_fields = fields
    time = utc("at", gettext_lazy("Time"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("postings")

    @admin.display(description=gettext_lazy("Postings"))
    def postings_text(self, row: LedgerTransaction) -> str:
        postings = row.postings.all()
        return "; ".join(f"{p.ledger_account} {plain(p.amount)} {p.asset}" for p in postings)


@admin.register(LedgerPosting)
class LedgerPostingAdmin(Record):
    list_display = ("transaction_id", "ledger_account", "asset", "sum")
    list_filter = ("ledger_account", "asset")
    ordering = ("-id",)
    sum = amount("amount", gettext_lazy("Amount"))


@admin.register(Signal)
class SignalAdmin(Record):
    list_display = ("public_id", "instrument", "stance", "previous", "bar", "decided")
    list_select_related = ("instrument",)
    ordering = ("-id",)
    bar = utc("open_time", gettext_lazy("Bar"))
    decided = utc("decided_at", gettext_lazy("Decided"))


@admin.register(BarRow)
class BarAdmin(Record):
    list_display = ("instrument", "time", "o", "h", "l", "c", "v")
    list_filter = ("instrument",)
    list_select_related = ("instrument",)
    ordering = ("-id",)
    time = utc("open_time", gettext_lazy("Open time"))
    o = amount("open", gettext_lazy("Open"))
    h = amount("high", gettext_lazy("High"))
    l = amount("low", gettext_lazy("Low"))  # noqa: E741  # the usual letters of a bar
    c = amount("close", gettext_lazy("Close"))
    v = amount("volume", gettext_lazy("Volume"))

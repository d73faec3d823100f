"""Accounts, instruments, strategies: set up by services, looked at here.

Enabling a strategy is the dashboard's; another set of parameters is another version, made by a
service that journals it. So nothing here is edited by hand.
"""

from django.contrib import admin

from aitrader.kernel.money import plain
from compliance.admin.base import Record, utc
from trading.models import Account, Feed, InstrumentRow, Strategy, StrategyVersion, Venue


@admin.register(Venue)
class VenueAdmin(Record):
    list_display = ("code", "name")
    ordering = ("code",)


@admin.register(Account)
class AccountAdmin(Record):
    list_display = ("code", "venue", "kind", "mode", "base_currency", "opened", "reconciled")
    list_select_related = ("venue",)
    ordering = ("code",)
    opened = utc("opened_at", "Opened")
    reconciled = utc("reconciled_at", "Reconciled")


@admin.register(InstrumentRow)
class InstrumentAdmin(Record):
    list_display = ("code", "kind", "tick_size", "lot_size", "least", "bar_bound")
    search_fields = ("code",)
    ordering = ("code",)

    @admin.display(description="Tick")
    def tick_size(self, row: InstrumentRow) -> str:
        return plain(row.tick)

    @admin.display(description="Lot")
    def lot_size(self, row: InstrumentRow) -> str:
        return plain(row.lot)

    @admin.display(description="Least notional")
    def least(self, row: InstrumentRow) -> str:
        return plain(row.min_notional)

    @admin.display(description="Bar bound")
    def bar_bound(self, row: InstrumentRow) -> str:
        return plain(row.max_bar_range)


@admin.register(Feed)
class FeedAdmin(Record):
    list_display = ("code", "title", "source", "account", "status", "market", "received")
    list_select_related = ("account",)
    ordering = ("-id",)
    market = utc("market_at", "Market time")
    received = utc("received_at", "Last bar")


@admin.register(Strategy)
class StrategyAdmin(Record):
    list_display = ("code", "account", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("account",)
    ordering = ("account", "code")


@admin.register(StrategyVersion)
class StrategyVersionAdmin(Record):
    list_display = ("strategy", "number", "current", "path", "parameters", "sizing", "created")
    list_select_related = ("strategy",)
    ordering = ("strategy", "-number")
    created = utc("created_at", "Created")

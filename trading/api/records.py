"""Orders, fills, positions, strategies and trades."""

from typing import Any

from rest_framework import serializers

from trading.api.base import Listing
from trading.models import Fill, Order, Position, Strategy, Trade


class OrderOut(serializers.ModelSerializer[Order]):
    account = serializers.CharField(source="account.code")
    instrument = serializers.CharField(source="instrument.code")
    strategy = serializers.CharField(source="version.strategy.code", default=None)

    class Meta:
        model = Order
        fields = [
            "public_id", "cl_ord_id", "order_id", "account", "instrument", "strategy", "origin",
            "side", "ord_type", "time_in_force", "order_qty", "price", "stop_px", "reduce_only",
            "reason", "ord_status", "certainty", "filled_qty", "filled_notional", "text",
            "trace_id", "created_at", "sent_at", "closed_at",
        ]  # fmt: skip


class FillOut(serializers.ModelSerializer[Fill]):
    account = serializers.CharField(source="account.code")
    instrument = serializers.CharField(source="instrument.code")
    order = serializers.CharField(source="order.public_id")

    class Meta:
        model = Fill
        fields = [
            "exec_id", "order", "account", "instrument", "side", "last_qty", "last_px", "fee",
            "fee_asset", "realised_pnl", "liquidity", "transact_time",
        ]  # fmt: skip


class PositionOut(serializers.ModelSerializer[Position]):
    account = serializers.CharField(source="account.code")
    instrument = serializers.CharField(source="instrument.code")

    class Meta:
        model = Position
        fields = ["account", "instrument", "quantity", "cost", "realised_pnl", "fees"]


class StrategyOut(serializers.ModelSerializer[Strategy]):
    account = serializers.CharField(source="account.code")

    class Meta:
        model = Strategy
        fields = ["code", "account", "enabled"]


class TradeOut(serializers.ModelSerializer[Trade]):
    strategy = serializers.CharField(source="cursor.version.strategy.code")
    instrument = serializers.CharField(source="cursor.instrument.code")

    class Meta:
        model = Trade
        fields = [
            "public_id", "strategy", "instrument", "side", "entry_qty", "entry_notional",
            "exit_qty", "exit_notional", "fees", "entry_reason", "exit_reason", "opened_at",
            "closed_at",
        ]  # fmt: skip


class Orders(Listing):
    serializer_class = OrderOut

    def get_queryset(self) -> Any:
        rows = Order.objects.select_related("account", "instrument", "version__strategy")
        wanted = self.request.query_params
        if status := wanted.get("ord_status"):
            rows = rows.filter(ord_status=status)
        if code := wanted.get("instrument"):
            rows = rows.filter(instrument__code=code)
        return rows


class Fills(Listing):
    serializer_class = FillOut
    queryset = Fill.objects.select_related("account", "instrument", "order")


class Positions(Listing):
    serializer_class = PositionOut
    queryset = Position.objects.select_related("account", "instrument")


class Strategies(Listing):
    serializer_class = StrategyOut
    queryset = Strategy.objects.select_related("account")


class Trades(Listing):
    serializer_class = TradeOut
    queryset = Trade.objects.select_related("cursor__version__strategy", "cursor__instrument")

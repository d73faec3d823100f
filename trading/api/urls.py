"""Routes under the API root."""

from django.urls import path

from trading.api import records

urlpatterns = [
    path("orders", records.Orders.as_view(), name="api_orders"),
    path("fills", records.Fills.as_view(), name="api_fills"),
    path("positions", records.Positions.as_view(), name="api_positions"),
    path("strategies", records.Strategies.as_view(), name="api_strategies"),
    path("trades", records.Trades.as_view(), name="api_trades"),
]

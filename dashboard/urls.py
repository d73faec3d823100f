"""Routes of the pages. A name that stands in no list of `middleware.py` needs both factors and a
role."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from dashboard.views import commands, health, pages, profile, records, sign_in, venues

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.home, name="home"),
    path("d/cards", pages.fragment_cards, name="d_cards"),
    path("d/orders", pages.fragment_orders, name="d_orders"),
    path("d/strategies", pages.fragment_strategies, name="d_strategies"),
    path("d/positions", pages.fragment_positions, name="d_positions"),
    path("d/alerts", pages.fragment_alerts, name="d_alerts"),
    path("d/state", pages.fragment_state, name="d_state"),
    path("d/chart.json", pages.chart_json, name="d_chart"),
    path("bars", pages.bars, name="bars"),
    path("orders", records.orders, name="orders"),
    path("orders/<str:public_id>", records.order, name="order"),
    path("orders/<str:public_id>/cancel", commands.cancel, name="cancel"),
    path("journal", records.journal_list, name="journal"),
    path("journal/<int:leaf_index>", records.leaf, name="leaf"),
    path("venues", venues.venues, name="venues"),
    path("halt", commands.halt, name="halt"),
    path("release", commands.release, name="release"),
    path("strategies/<int:strategy_id>", commands.strategy, name="strategy"),
    path("alerts/<int:alert_id>/acknowledge", commands.acknowledge, name="acknowledge"),
    path("me", profile.me, name="me"),
    path("me/password", profile.password, name="password"),
    path("me/recovery-codes", profile.recovery_codes, name="recovery_codes"),
    path("me/shortcuts", profile.shortcuts, name="shortcuts"),
    path("login", sign_in.login, name="login"),
    path("logout", sign_in.logout, name="logout"),
    path("2fa", sign_in.verify, name="otp_verify"),
    path("2fa/enrol", sign_in.enrol, name="otp_enrol"),
    path("2fa/qr.svg", sign_in.qr, name="otp_qr"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", include("dashboard.api.urls")),
    path("admin/", admin.site.urls),
]

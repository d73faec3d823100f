"""A small consistent desk, written through models: one account, one feed, a filled and an unknown
order, and the people who look at it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from aitrader.kernel.clock import WALL
from aitrader.kernel.events import Event, EventName
from compliance.domain.roles import Role
from compliance.models import Alert, Operator
from compliance.services import access, installation, journal, sequencer
from risk.models import Decision, Limit
from trading import models as rows

MARKET = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PASSWORD = "a long enough password"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass
class Desk:
    account: rows.Account
    feed: rows.Feed
    instrument: rows.InstrumentRow
    strategy: rows.Strategy
    filled: rows.Order
    unknown: rows.Order
    alert: Alert
    extra: dict[str, Any] = field(default_factory=dict)


def install() -> None:
    """What `migrate` and the first start leave behind."""
    installation.install(namespace="seed-1", now=WALL.now())
    access.sync_roles()


def operator(name: str, *roles: Role) -> Operator:
    """An operator with a confirmed authenticator."""
    made = access.create_operator(
        username=name,
        password=PASSWORD,
        roles=roles or (Role.TRADER,),
        now=WALL.now(),
        actor="test",
    )
    TOTPDevice.objects.create(user=made.operator, name="authenticator", confirmed=True)
    return made.operator


def code(user: Operator, *, step: int = 0) -> str:
    """What the operator's authenticator shows now (`step` steps of thirty seconds later)."""
    device = TOTPDevice.objects.get(user=user)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift + step)
    totp.time = WALL.now().timestamp()
    return f"{totp.token():06d}"


def password_only(user: Operator, **options: Any) -> Client:
    """A browser that has given the password and nothing else."""
    client = Client(**options)
    client.force_login(user, backend=BACKEND)
    return client


def verified(user: Operator, **options: Any) -> Client:
    """A browser that has given both factors."""
    client = password_only(user, **options)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = TOTPDevice.objects.get(user=user).persistent_id
    session.save()
    return client


def desk(*, received_at: datetime | None = None, status: str = "RUNNING") -> Desk:
    """The desk; `received_at` is when its last bar came, by the wall clock (default: now)."""
    account, feed, instrument = _market(received_at or WALL.now(), status)
    strategy, signal, trade = _strategy(account, instrument)
    filled = _order(account, instrument, "FILLED", 1, version=signal.version, signal=signal)
    filled.trade = trade
    filled.save()
    _fill(account, instrument, filled)
    unknown = _order(account, instrument, "PENDING_NEW", 2, version=signal.version, signal=signal)
    unknown.certainty = "UNKNOWN"
    unknown.save()
    _journal(filled, signal)
    alert = Alert.objects.create(
        key="feed", rule="feed.gap", severity="WARNING", title="Gap of 3 bars", leaf_index=0,
        last_leaf_index=0, raised_at=WALL.now(), last_at=WALL.now(), count=2,
    )  # fmt: skip
    return Desk(account, feed, instrument, strategy, filled, unknown, alert)


def _market(received_at: datetime, status: str) -> Any:
    venue = rows.Venue.objects.create(code="SIM", name="Simulated venue")
    account = rows.Account.objects.create(
        public_id="A" * 32, code="PAPER-1", venue=venue, kind="SPOT", mode="PAPER",
        base_currency="USDT", opening_equity=100_000, peak_equity=100_500, opened_at=MARKET,
        reconciled_at=WALL.now(),
    )  # fmt: skip
    feed = rows.Feed.objects.create(
        code="paper", title="seed 1", source="SIMULATED", account=account, interval_seconds=60,
        speed=60, status=status, market_at=MARKET, received_at=received_at,
        started_at=received_at - timedelta(minutes=5),
    )  # fmt: skip
    instrument = rows.InstrumentRow.objects.create(
        venue=venue, code="SIM:BTC-USDT", base="BTC", quote="USDT", kind="SPOT",
        tick=Decimal("0.01"), lot=Decimal("0.00001"), min_qty=Decimal("0.00001"),
        min_notional=5,
    )  # fmt: skip
    rows.FeedInstrument.objects.create(feed=feed, instrument=instrument)
    for minute in range(30):
        at = MARKET - timedelta(minutes=30 - minute)
        px = Decimal(60_000 + minute)
        rows.BarRow.objects.create(
            feed=feed, instrument=instrument, open_time=at, open=px, high=px + 2, low=px - 2,
            close=px + 1, volume=1,
        )  # fmt: skip
    rows.AccountDay.objects.create(account=account, day=MARKET.date(), start_equity=100_000)
    rows.EquityPoint.objects.create(
        account=account, at=MARKET, equity=Decimal("99587.23"), cash=90_000, unrealised_pnl=12
    )
    rows.Position.objects.create(
        account=account, instrument=instrument, quantity=Decimal("0.1"), cost=6_000
    )
    for key, value in (
        ("MAX_DAY_LOSS", 5_000),
        ("MAX_GROSS_EXPOSURE", 2),
        ("MAX_OPEN_ORDERS", 200),
    ):
        Limit.objects.create(
            account_code=account.code, key=key, version=1, value=value, effective_at=MARKET,
            purpose="test", set_by="test",
        )  # fmt: skip
    return account, feed, instrument


def _strategy(account: rows.Account, instrument: rows.InstrumentRow) -> Any:
    strategy = rows.Strategy.objects.create(code="sma_cross", account=account)
    version = rows.StrategyVersion.objects.create(
        strategy=strategy, number=1, path="trading.strategies.sma_cross.SmaCross", parameters={},
        sizing={"method": "FIXED_FRACTION", "fraction": "0.1"}, created_at=MARKET,
    )  # fmt: skip
    cursor = rows.StrategyCursor.objects.create(
        version=version, instrument=instrument, stance="LONG"
    )
    signal = rows.Signal.objects.create(
        public_id="S" * 32, version=version, instrument=instrument, open_time=MARKET,
        stance="LONG", previous="FLAT", close=60_000, decided_at=MARKET,
    )  # fmt: skip
    trade = rows.Trade.objects.create(
        public_id="T" * 32, cursor=cursor, side="BUY", entry_qty=Decimal("0.1"),
        entry_notional=6_000, entry_reason="sma_cross LONG", created_at=MARKET, opened_at=MARKET,
    )  # fmt: skip
    return strategy, signal, trade


def _order(account: Any, instrument: Any, status: str, number: int, **given: Any) -> rows.Order:
    decision = Decision.objects.create(
        public_id=f"{number}D".ljust(32, "X"), intent_id=f"{number}I".ljust(32, "X"),
        account_code=account.code, approved=True, decided_at=MARKET,
        verdicts=[{"check": "order_notional", "passed": True, "limit": "25000", "value": "6000",
                   "exempt": False}],
    )  # fmt: skip
    qty = Decimal("0.1")
    done = qty if status == "FILLED" else Decimal(0)
    return rows.Order.objects.create(
        public_id=f"{number}P".ljust(32, "X"), intent_id=f"{number}I".ljust(32, "X"),
        cl_ord_id=f"{number}C".ljust(32, "X"), account=account, instrument=instrument,
        origin="STRATEGY", side="BUY", ord_type="MARKET", time_in_force="GTC", order_qty=qty,
        reason="sma_cross LONG", trace_id=f"trace-{number}", ord_status=status, cum_qty=done,
        filled_qty=done, filled_notional=done * 60_000, decision=decision, approved=True,
        created_at=MARKET - timedelta(minutes=number), sent_at=MARKET, sizing={"px": "60000"},
        closed_at=MARKET if done else None, **given,
    )  # fmt: skip


def _fill(account: rows.Account, instrument: rows.InstrumentRow, order: rows.Order) -> None:
    fill = rows.Fill.objects.create(
        venue=account.venue, account=account, instrument=instrument, order=order, exec_id="E1",
        side="BUY", last_qty=Decimal("0.1"), last_px=60_000, fee=3, fee_asset="USDT",
        liquidity="TAKER", transact_time=MARKET,
    )  # fmt: skip
    transfer = rows.LedgerTransaction.objects.create(
        public_id="L" * 32, account=account, fill=fill, kind="FILL", at=MARKET
    )
    postings = [("VENUE", "BTC", "0.1"), ("TRADING", "BTC", "-0.1"), ("VENUE", "USDT", "-6003"),
                ("TRADING", "USDT", "6000"), ("FEES", "USDT", "3")]  # fmt: skip
    rows.LedgerPosting.objects.bulk_create(
        rows.LedgerPosting(transaction=transfer, ledger_account=where, asset=asset, amount=amount)
        for where, asset, amount in postings
    )


def _journal(order: rows.Order, signal: rows.Signal) -> None:
    def event(name: EventName, kind: str, identity: str, **data: object) -> Event:
        return Event(
            name=name, actor="desk", object_type=kind, object_id=identity, market_at=MARKET,
            trace_id=order.trace_id, data=data,
        )  # fmt: skip

    with transaction.atomic():
        journal.record(
            [
                event(EventName.SIGNAL_RAISED, "signal", signal.public_id, stance="LONG"),
                event(EventName.ORDER_CREATED, "order", order.public_id, side="BUY"),
                event(EventName.ORDER_FILLED, "order", order.public_id, last_px="60000"),
            ],
            now=WALL.now(),
        )


def number_everything() -> None:
    """Number the journal inside a test's own transaction, where the sequencer may not look."""
    while sequencer.advance():
        pass
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO compliance_journalleaf (leaf_index, entry_id) SELECT (SELECT size FROM"
            " compliance_journalhead) + row_number() OVER (ORDER BY id) - 1, id FROM"
            " compliance_journalentry e WHERE NOT EXISTS (SELECT 1 FROM compliance_journalleaf l"
            " WHERE l.entry_id = e.id)"
        )
        cursor.execute(
            "UPDATE compliance_journalhead SET size = (SELECT count(*) FROM compliance_journalleaf)"
        )

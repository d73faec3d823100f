"""A desk whose orders go to an account at a venue of the sandbox, over the wire, on bars by hand:
Binance, unless another place is named."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.test import override_settings

from aitrader import paper
from aitrader.kernel import ids
from aitrader.kernel.clock import WALL, Moment
from aitrader.kernel.fix import (
    AccountKind,
    OrdStatus,
    OrdType,
    Origin,
    PriceSource,
    Side,
    TimeInForce,
)  # fmt: skip
from aitrader.paper import PaperOptions
from compliance.services import installation
from trading.domain.bar import Bar
from trading.domain.instrument import Instrument
from trading.domain.order import OrderIntent
from trading.domain.ports import GroupGateway, NewOrder
from trading.gateways import registry
from trading.models import Order, Position
from trading.sandbox import server
from trading.sandbox.stand import serving
from trading.selectors import account_state
from trading.services import external, market_data, orders, reconciliation

CODE, SYMBOL = "BINANCE:BTC-USDT", "BTCUSDT"


@dataclass(frozen=True, slots=True)
class Place:
    """A venue, and its bitcoin: by our code, as `symbol` there."""

    venue: str
    code: str
    symbol: str
    quote: str
    #: The venue's addresses by name, of what the sandbox tells.
    addresses: Callable[[Mapping[str, Any]], dict[str, str]]


BINANCE = Place(
    "BINANCE", CODE, SYMBOL, "USDT",
    lambda told: {
        "rest_url": f"{told['rest']}/api", "ws_url": told["ws"], "ws_api_url": told["ws_api"],
    },
)  # fmt: skip
COINBASE = Place(
    "COINBASE", "COINBASE:BTC-USD", "BTC-USD", "USD",
    lambda told: {
        "rest_url": told["rest_plain"], "ws_url": told["ws_plain"],
        "ws_user_url": told["ws_user_plain"],
    },
)  # fmt: skip
BTCTURK = Place(
    "BTCTURK", "BTCTURK:BTC-TRY", "BTCTRY", "TRY",
    lambda told: {
        "rest_url": told["rest"], "graph_url": told["graph"], "ws_url": told["ws"],
    },
)  # fmt: skip
PLACES = {place.venue: place for place in (BINANCE, COINBASE)}
PX = Decimal(60_000)
MINUTE = timedelta(minutes=1)
_SECONDS = 5


class AtVenue:
    """The desk of one account, and the exchange at hand."""

    def __init__(
        self, told: Mapping[str, Any], *, opened: bool = True, place: Place = BINANCE
    ) -> None:
        self.place = place
        #: Where the exchange is, for processes of their own.
        self.variables: dict[str, str] = {}
        self._control = told["control"]
        self.rest = str(told["rest"])
        self._venue_account = told["accounts"][0]["account"]
        self.options = PaperOptions(venue=place.venue, at_venue=True, strategies=())
        if opened:
            self.open()
        else:
            self.gateway = registry.connect(place.venue, namespace="").gateway

    def open(self) -> None:
        """Open the desk, or find it as it was left."""
        namespace = installation.install(namespace="seed-1", now=WALL.now())
        instrument = Instrument(
            self.place.code, "BTC", self.place.quote, AccountKind.SPOT, Decimal("0.01"),
            Decimal("0.00001"), Decimal("0.00001"), Decimal(5),
        )  # fmt: skip
        market = paper.Market(
            source=PriceSource.REAL_TIME,
            title="by hand",
            interval=MINUTE,
            kind=AccountKind.SPOT,
            instruments=[(instrument, "by hand")],
        )
        made = paper.open_desk(
            self.options,
            market,
            code=registry.account_at(self.place.venue),
            namespace=namespace,
            at=self.now(),
            prices={self.place.code: PX},
        )
        self.desk, self.gateway = made.desk, made.gateway
        self.tell_price()

    def tell_price(self) -> None:
        """A bar has just ended at the usual price: what is too old is not traded on."""
        (row,) = self.desk.instruments.values()
        bar = Bar(WALL.now() - MINUTE, MINUTE, PX, PX, PX, PX, Decimal(1))
        market_data.record(feed=self.desk.feed, bars=[(row, bar)], at=self.now())
        self.desk.refresh_bars()

    def now(self, later: timedelta = timedelta(0)) -> Moment:
        return Moment(market=WALL.now(), wall=WALL.now() + later)

    def begin(self) -> bool:
        return external.begin(desk=self.desk, gateway=self.gateway, at=self.now())

    def look(self, later: timedelta = timedelta(0)) -> int:
        """What the task does every minute, `later` from now; how much was taken in."""
        at = self.now(later)
        found = external.take_in(desk=self.desk, gateway=self.gateway, at=at)
        reconciliation.compare(desk=self.desk, gateway=self.gateway, at=at)
        return found

    def by_hand(self, name: str, **changes: Any) -> None:
        """Somebody orders in the exchange's own app."""
        self.gateway.submit(account="", order=self._usual(name, **changes))

    def by_hand_together(self, legs: Mapping[str, Mapping[str, Any]], **changes: Any) -> None:
        """The same with a pair, of which one order cancels the other; `legs` by name."""
        assert isinstance(self.gateway, GroupGateway)
        usual = {"price": None, "oco_group": "web-pair", **changes}
        pair = [self._usual(name, **{**usual, **leg}) for name, leg in legs.items()]
        self.gateway.submit_group(account="", orders=pair)

    def _usual(self, name: str, **changes: Any) -> NewOrder:
        usual = NewOrder(
            name, self.place.code, Side.BUY, OrdType.LIMIT, Decimal("0.1"), TimeInForce.GTC,
            WALL.now(), price=Decimal(50_000),
        )  # fmt: skip
        return replace(usual, **changes)

    def waiting(self, name: str) -> Order:
        """An order of an operator, to sell a little of what is held, that waits to be sent."""
        (row,) = self.desk.instruments.values()
        intent = OrderIntent(
            intent_id=ids.derive(self.desk.namespace, "waiting", name),
            account=self.desk.account.code,
            instrument=self.place.code,
            side=Side.SELL,
            ord_type=OrdType.LIMIT,
            order_qty=Decimal("0.001"),
            origin=Origin.OPERATOR,
            reference_px=PX,
            price=PX + 100,
            reduce_only=True,
            reason="test",
            decided_at=self.now().market,
        )
        draft = orders.Draft(intent=intent, instrument=row, trace_id=intent.intent_id)
        order = orders.submit(desk=self.desk, draft=draft, at=self.now())
        assert order.ord_status == OrdStatus.CREATED, order.text
        return order

    def quotes(self, qty: str = "1") -> None:
        """Others rest on both sides of the book."""
        for side, price in (("BUY", "59990"), ("SELL", "60000")):
            self.change("book", instrument=self.place.symbol, side=side, price=price, qty=qty)

    def move(self, move: str, asset: str, amount: str) -> None:
        self.change("account", account=self._venue_account, move=move, asset=asset, amount=amount)

    def change(self, what: str, **asked: Any) -> None:
        answer = requests.post(f"{self._control}/{what}", json=asked, timeout=_SECONDS)
        answer.raise_for_status()

    def at_exchange(self) -> list[str]:
        """Client ids of every order of the account that the exchange ever took, as often as it
        took them."""
        return [each["cl_ord_id"] for each in self.truth()["orders"]]

    def truth(self) -> dict[str, Any]:
        """What the exchange itself knows of the account: orders, fills and balances."""
        return truth(self._control, self._venue_account)

    def differences(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Assets of which our books and the exchange's say different amounts."""
        ours, _ = account_state.holdings(self.desk.account)
        theirs = self.gateway.balances(account="")
        names = {name for name, held in ours.items() if held} | theirs.keys()
        pairs = {name: (ours.get(name, Decimal(0)), theirs.get(name, Decimal(0))) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def position(self) -> Decimal:
        return sum(Position.objects.values_list("quantity", flat=True), Decimal(0))


def only_external() -> Order:
    return Order.objects.get(origin="EXTERNAL")


@contextmanager
def at_venue(
    folder: Path, *, opened: bool = True, place: Place = BINANCE, **options: Any
) -> Iterator[AtVenue]:
    """Until the block ends; `hold` decides what the account starts with. Where the desk is not
    `opened`, there is its gateway only."""
    with exchange(folder, place=place, **options) as (told, there), _known(there, place):
        made = AtVenue(told, opened=opened, place=place)
        made.variables = variables(there, place)
        yield made


def _known(there: Mapping[str, str], place: Place) -> override_settings:
    return override_settings(AITRADER_VENUES={**settings.AITRADER_VENUES, place.venue: there})


@contextmanager
def exchange(
    folder: Path, *, place: Place = BINANCE, **options: Any
) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    """The sandbox's venue alone: what it tells, and where it is, in the words of the settings."""
    hold = {place.quote: Decimal(100_000), "BTC": Decimal(1)}
    name = place.venue.lower()
    chosen = server.Options(**{"venues": (name,), "market": False, "hold": hold, **options})
    with serving(chosen) as every:
        told = every[name]
        key = folder / "key.json"
        key.touch(mode=0o600)
        key.write_text(json.dumps({name: told[name] for name in ("api_key", "api_secret")}))
        yield told, {**place.addresses(told), "credentials": f"file:{key}"}


def variables(there: Mapping[str, str], place: Place = BINANCE) -> dict[str, str]:
    """The same as variables of the environment."""
    return {f"AITRADER_{place.venue}_{name.upper()}": value for name, value in there.items()}


def truth(control: str, account: str) -> dict[str, Any]:
    """What the exchange itself knows of an account: orders, fills and balances."""
    asked = {"account": account}
    found: dict[str, Any] = requests.get(
        f"{control}/account", params=asked, timeout=_SECONDS
    ).json()
    return found

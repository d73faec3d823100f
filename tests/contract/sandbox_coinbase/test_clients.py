"""Another client library, and another venue on the same server."""

import time
from collections.abc import Iterator

import ccxt
import pytest
import requests

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import SECONDS, Desk


@pytest.fixture
def exchange(desk: Desk) -> Iterator[ccxt.coinbase]:
    """ccxt's client on a market that trades."""
    desk.market()
    desk.trade("BUY", "0.1")
    made = connect(desk)
    yield made
    made.session.close()


def connect(desk: Desk) -> ccxt.coinbase:
    made = ccxt.coinbase(
        {
            "apiKey": desk.told["api_key"],
            "secret": desk.told["api_secret"],
            "urls": {"api": {"rest": desk.told["rest"]}},
            # It asks both whether to verify, and takes the second for the bundle.
            "verify": True,
            "validateServerSsl": desk.told["ca"],
            "enableRateLimit": False,
            # What the desk of a broker would list is not served here.
            "has": {"fetchCurrencies": False},
        }
    )
    made.session.trust_env = False
    made.number = str
    return made


def test_ccxt_reads_the_markets_and_the_wallets(exchange: ccxt.coinbase) -> None:
    markets = exchange.load_markets()
    assert set(markets) == {"BTC/USD", "ETH/USD"}
    bitcoin = markets["BTC/USD"]
    assert bitcoin["active"]
    precision = bitcoin["precision"]
    assert (precision["amount"], precision["price"]) == ("0.00000001", "0.01")
    assert (bitcoin["taker"], bitcoin["maker"]) == ("0.012", "0.006")
    assert exchange.fetch_order_book("BTC/USD")["asks"][0][0] == 60_000
    balance = exchange.fetch_balance({"v3": True})
    assert (float(balance["BTC"]["free"]), float(balance["USD"]["free"])) == (2, 100_000)
    (trade,) = exchange.fetch_trades("BTC/USD")
    assert float(trade["price"]) == 60_000
    now = int(time.time())
    assert len(exchange.fetch_ohlcv("BTC/USD", "1m", since=(now - 600) * 1_000, limit=10)) == 1


def test_ccxt_places_reads_edits_and_cancels(exchange: ccxt.coinbase) -> None:
    placed = exchange.create_order("BTC/USD", "limit", "buy", "0.01", "50000")
    found = exchange.fetch_order(placed["id"])
    assert (found["status"], found["side"], float(found["price"])) == ("open", "buy", 50_000)
    exchange.edit_order(placed["id"], "BTC/USD", "limit", "buy", "0.02", "51000")
    (opened,) = exchange.fetch_open_orders("BTC/USD")
    assert (opened["id"], float(opened["amount"])) == (placed["id"], 0.02)
    exchange.cancel_order(placed["id"])
    assert exchange.fetch_order(placed["id"])["status"] == "canceled"

    filled = exchange.create_order("BTC/USD", "limit", "buy", "0.01", "60000")
    (mine,) = exchange.fetch_my_trades("BTC/USD")
    assert (mine["order"], mine["takerOrMaker"]) == (filled["id"], "taker")
    assert (mine["fee"]["currency"], float(mine["fee"]["cost"])) == ("USD", 7.2)
    assert exchange.fetch_order(filled["id"])["status"] == "closed"


def test_ccxt_calls_things_by_their_names(exchange: ccxt.coinbase, desk: Desk) -> None:
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USD", "limit", "buy", "100", "50000")
    exchange.apiKey = "organizations/a/apiKeys/b"
    with pytest.raises(ccxt.AuthenticationError):
        exchange.fetch_balance({"v3": True})
    exchange.apiKey = desk.told["api_key"]
    desk.control("faults", plan="rate_limit=1")
    with pytest.raises(ccxt.RateLimitExceeded):
        exchange.fetch_open_orders("BTC/USD")


@pytest.mark.parametrize("venues", [("binance", "coinbase"), ("coinbase", "binance")])
def test_two_venues_below_one_path_do_not_meet(start: Start, venues: tuple[str, ...]) -> None:
    desk = start(venues=venues)
    other = desk.all["binance"]
    assert requests.get(f"{other['rest']}/api/v3/ping", timeout=SECONDS).json() == {}
    depth = requests.get(f"{other['rest']}/api/v3/depth?symbol=BTCUSDT", timeout=SECONDS)
    assert depth.json()["asks"] == []
    desk.market()
    assert desk.buy("mine", limit_price="60000")["success"]
    listed = {each["product_id"] for each in desk.sdk.get_products().to_dict()["products"]}
    assert listed == {"BTC-USD", "ETH-USD"}
    named = {
        each["symbol"]
        for each in requests.get(f"{other['rest']}/api/v3/exchangeInfo", timeout=SECONDS).json()[
            "symbols"
        ]
    }
    assert "BTCUSDT" in named
    assert not named & listed


def test_a_market_of_its_own_moves(start: Start) -> None:
    desk = start(market=True)
    for _ in range(100):
        trades = desk.sdk.get_public_market_trades("BTC-USD", 10).to_dict()["trades"]
        if trades:
            break
        time.sleep(0.1)
    assert 50_000 < float(trades[0]["price"]) < 70_000

"""Tokens are verified, not looked at."""

import time
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.sandbox_coinbase.conftest import Start
from tests.contract.sandbox_coinbase.desk import PREFIX, SECONDS, Desk
from trading.sandbox.coinbase_api.signing import key_of


def test_a_good_token_opens_the_door(desk: Desk) -> None:
    assert desk.ask("GET", "/accounts").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        # Seconds from when the test runs, which may be long after it was read.
        {"nbf": -300, "exp": -180},
        {"nbf": 60, "exp": 120},
        {"exp": 3_600},
        {"nbf": "now"},
        {"iss": "me"},
        {"sub": "organizations/a/apiKeys/b"},
        {"uri": f"GET api.coinbase.com{PREFIX}/accounts"},
        {"uri": None},
        {"header": {"kid": "organizations/a/apiKeys/b"}},
        {"header": {"nonce": ""}},
        {"secret": key_of("somebody", 1).pem},
    ],
)
def test_a_token_that_is_wrong_in_one_thing_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    now = int(time.time())
    claims = {name: now + told if isinstance(told, int) else told for name, told in wrong.items()}
    answer = desk.ask("GET", "/accounts", token=desk.token("GET", "/accounts", **claims))
    assert (answer.status_code, answer.text) == (401, "Unauthorized\n")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", "é.é.é".encode().decode("latin1")])
def test_what_is_no_token_is_refused(desk: Desk, token: str) -> None:
    assert desk.ask("GET", "/accounts", token=token).status_code == 401


def test_a_token_is_for_one_method_and_one_path(desk: Desk) -> None:
    order = {"client_order_id": "x", "product_id": "BTC-USD", "side": "BUY"}
    for token in (desk.token("GET", "/orders"), desk.token("POST", "/orders/edit")):
        assert desk.ask("POST", "/orders", order, token=token).status_code == 401
    # The query is not signed.
    token = desk.token("GET", "/orders/historical/batch")
    assert desk.ask("GET", "/orders/historical/batch", token=token, query="?limit=1").ok


def test_what_is_signed_may_not_be_changed(desk: Desk) -> None:
    head, claims, signature = desk.token("GET", "/accounts").split(".")
    other = desk.token("GET", "/accounts", iss="coinbase-cloud").split(".")[1]
    for token in (f"{head}.{other}.{signature}", f"{head}.{claims}.{signature[:-8]}AAAAAAAA"):
        assert desk.ask("GET", "/accounts", token=token).status_code == 401


def test_a_token_may_grow_old_on_its_way(start: Start) -> None:
    desk = start("latency_ms=1500")
    now = int(time.time())
    token = desk.token("POST", "/orders", nbf=now - 10, exp=now + 1)
    limit = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}
    order = {"client_order_id": "x", "product_id": "BTC-USD", "side": "BUY"}
    answer = desk.ask("POST", "/orders", {**order, "order_configuration": limit}, token=token)
    assert answer.status_code == 401
    assert desk.truth() == []


def test_public_paths_need_no_token(desk: Desk) -> None:
    for path in ("/time", "/market/products", "/market/products/BTC-USD"):
        assert desk.ask("GET", path, token="none").status_code == 200
    assert desk.ask("GET", "/products", token="none").status_code == 401


def test_the_same_seed_makes_the_same_key_and_another_seed_another(start: Start) -> None:
    first, same, other = start(seed=1).told, start(seed=1).told, start(seed=2).told
    assert first["api_secret"] == same["api_secret"] != other["api_secret"]
    assert first["api_key"] == same["api_key"] != other["api_key"]
    assert first["api_key"].startswith("organizations/")
    key = serialization.load_pem_private_key(first["api_secret"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_a_client_that_does_not_trust_the_authority_is_not_served(desk: Desk) -> None:
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{desk.told['rest']}{PREFIX}/time", timeout=SECONDS)


def test_rest_answers_in_the_clear_too(desk: Desk) -> None:
    host = desk.told["rest_plain"].removeprefix("http://")
    token = desk.token("GET", "/accounts", uri=f"GET {host}{PREFIX}/accounts")
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{desk.told['rest_plain']}{PREFIX}/accounts"
    assert requests.get(url, headers=headers, timeout=SECONDS).status_code == 200

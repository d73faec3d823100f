"""Keys of the exchange, and the tokens that are signed with them.

1. A token is a JWT signed with ES256; nothing of it is believed before its signature holds.
2. It lives at most 120 s, names its key twice (`kid` and `sub`), and over REST the one request it
   is for: method, host and path, never the query and never the body.
3. The exchange keeps public keys only; the secret is told once, at the start.

Source: docs.cdp.coinbase.com, "CDP API key authentication"; coinbase-advanced-py, jwt_generator.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from aitrader.kernel.clock import EPOCH
from trading.sandbox.coinbase_api import errors
from trading.sandbox.coinbase_api.amounts import named_uuid
from trading.sandbox.face import secret

LONGEST_LIFE = 120
#: The second is what older clients still write.
_ISSUERS = {"cdp", "coinbase-cloud"}
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HALF = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One API key of one account; `pem` is the client's half and only told, never used here."""

    name: str
    pem: str
    account: str
    public: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Token:
    """What a verified token says. `ends` is when it stops to count."""

    key: Key
    begins: int
    ends: int

    def check_time(self, now: datetime) -> None:
        """Raises ApiError 401 before the token begins to count and after it has ended."""
        seconds = (now - EPOCH) // timedelta(seconds=1)
        if not self.begins <= seconds < self.ends:
            raise errors.unauthorized()


def key_of(account: str, seed: int) -> Key:
    """The test key of an account; the same for the same seed."""
    number = int.from_bytes(secret("ec", account, seed), "big") % (_ORDER - 1) + 1
    private = ec.derive_private_key(number, ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    organization = named_uuid("organization", seed, "sandbox")
    name = f"organizations/{organization}/apiKeys/{named_uuid('key', seed, account)}"
    return Key(name, pem.decode(), account, private.public_key())


def verify(keys: Mapping[str, Key], given: str, now: datetime, uri: str | None = None) -> Token:
    """Believe a token, or raise ApiError 401; `uri` is what a REST request's must be for."""
    try:
        signed, _, signature = given.rpartition(".")
        first, _, second = signed.partition(".")
        header, claims = orjson.loads(_bytes(first)), orjson.loads(_bytes(second))
        key = keys[header["kid"]]
        _check_signature(key, signed, _bytes(signature))
        token = _read(key, header, claims)
    except (ValueError, KeyError, TypeError, InvalidSignature):
        raise errors.unauthorized() from None
    if uri is not None and claims.get("uri") != uri:
        raise errors.unauthorized()
    token.check_time(now)
    return token


def _check_signature(key: Key, signed: str, signature: bytes) -> None:
    if len(signature) != 2 * _HALF:
        raise InvalidSignature
    halves = (int.from_bytes(each, "big") for each in (signature[:_HALF], signature[_HALF:]))
    key.public.verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(hashes.SHA256()))


def _read(key: Key, header: Mapping[str, Any], claims: Mapping[str, Any]) -> Token:
    """Raises ValueError for a token that is signed and wrong."""
    begins, ends = claims["nbf"], claims["exp"]
    if header["alg"] != "ES256" or not header["nonce"]:
        raise ValueError("header")
    if claims["sub"] != key.name or claims["iss"] not in _ISSUERS:
        raise ValueError("names")
    if type(begins) is not int or type(ends) is not int or ends - begins > LONGEST_LIFE:
        raise ValueError("life")
    return Token(key, begins, ends)


def _bytes(part: str) -> bytes:
    """Base64 for addresses, without padding. Raises ValueError."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None

"""The environment: read here and nowhere else.

1. Every variable has a type; a wrong value ends the program with one line that names it.
2. Secrets are `SecretStr`, so that no repr or traceback prints them.
3. Nothing is written except secret files, created once with mode 600.
"""

import os
import re
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent
# What a child process needs on each system to start at all; everything else is left behind.
_INHERITED = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH")


class Env(BaseSettings):
    """The variables that change how the desk runs."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    database_owner_url: SecretStr | None = Field(None, alias="DATABASE_OWNER_URL")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    home: Path = Field(REPOSITORY / "var", alias="AITRADER_HOME")
    secret_key: SecretStr | None = Field(None, alias="AITRADER_SECRET_KEY")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        ("localhost", "127.0.0.1", "[::1]"), alias="AITRADER_ALLOWED_HOSTS"
    )
    port: int = Field(8000, alias="AITRADER_PORT", ge=1, le=65535)
    metrics_token: SecretStr | None = Field(None, alias="AITRADER_METRICS_TOKEN")
    debug: bool = Field(False, alias="AITRADER_DEBUG")
    binance_rest_url: str = Field("https://api.binance.com/api", alias="AITRADER_BINANCE_REST_URL")
    binance_ws_url: str = Field("wss://stream.binance.com:9443", alias="AITRADER_BINANCE_WS_URL")
    binance_ws_api_url: str = Field(
        "wss://ws-api.binance.com:443/ws-api/v3", alias="AITRADER_BINANCE_WS_API_URL"
    )
    binance_credentials: str = Field(
        "", alias="AITRADER_BINANCE_CREDENTIALS", pattern=r"^(file:/.*)?$"
    )
    coinbase_rest_url: str = Field("https://api.coinbase.com", alias="AITRADER_COINBASE_REST_URL")
    coinbase_ws_url: str = Field(
        "wss://advanced-trade-ws.coinbase.com", alias="AITRADER_COINBASE_WS_URL"
    )
    coinbase_ws_user_url: str = Field(
        "wss://advanced-trade-ws-user.coinbase.com", alias="AITRADER_COINBASE_WS_USER_URL"
    )
    coinbase_credentials: str = Field(
        "", alias="AITRADER_COINBASE_CREDENTIALS", pattern=r"^(file:/.*)?$"
    )
    btcturk_rest_url: str = Field("https://api.btcturk.com", alias="AITRADER_BTCTURK_REST_URL")
    btcturk_ws_url: str = Field("wss://ws-feed-pro.btcturk.com", alias="AITRADER_BTCTURK_WS_URL")
    btcturk_graph_url: str = Field(
        "https://graph-api.btcturk.com", alias="AITRADER_BTCTURK_GRAPH_URL"
    )
    btcturk_credentials: str = Field(
        "", alias="AITRADER_BTCTURK_CREDENTIALS", pattern=r"^(file:/.*)?$"
    )
    generic_venues: Annotated[tuple[str, ...], NoDecode] = Field(
        ("KRAKEN",), alias="AITRADER_GENERIC_VENUES"
    )
    crashpoint: str = Field("", alias="AITRADER_CRASHPOINT", pattern=r"^([a-z0-9_.]+:[1-9]\d*)?$")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: object) -> object:
        if value != "":
            return value
        name = getattr(info, "field_name", "")
        return cls.model_fields[name].default

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip() for host in value.split(",") if host.strip())
        return value

    @field_validator("generic_venues", mode="before")
    @classmethod
    def _split_venues(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        codes = tuple(code.strip() for code in value.split(",") if code.strip())
        if not all(re.fullmatch("[A-Z][A-Z0-9]*", code) for code in codes):
            raise ValueError("venue codes are capital letters and digits, with commas between")
        return codes

    @field_validator("home", mode="after")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("database_url", "database_owner_url", mode="after")
    @classmethod
    def _postgres_only(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("postgres://", "postgresql://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError("must start with postgresql:// (PostgreSQL is the only database)")
        return value

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis_only(cls, value: SecretStr | None) -> SecretStr | None:
        schemes = ("redis://", "rediss://", "unix://")
        if value is not None and not value.get_secret_value().startswith(schemes):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value


@lru_cache(maxsize=1)
def load() -> Env:
    """Return the environment, read once. A wrong value ends the program with one line."""
    try:
        env = Env()  # type: ignore[call-arg]  # the fields come from the environment
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        raise SystemExit(f"aitrader: {first['loc'][0]}: {reason}") from None
    if env.database_owner_url is not None and env.database_url is None:
        raise SystemExit("aitrader: DATABASE_OWNER_URL is set without DATABASE_URL")
    return env


def generic_venue(code: str) -> dict[str, str]:
    """Where a venue of AITRADER_GENERIC_VENUES is, and where who we are there is kept: what
    AITRADER_<CODE>_REST_URL and AITRADER_<CODE>_CREDENTIALS say, empty unless they are set."""
    credentials = os.environ.get(f"AITRADER_{code}_CREDENTIALS", "")
    if not re.fullmatch("(file:/.*)?", credentials):
        raise SystemExit(f"aitrader: AITRADER_{code}_CREDENTIALS: must start with file:/")
    rest_url = os.environ.get(f"AITRADER_{code}_REST_URL", "")
    return {"rest_url": rest_url, "credentials": credentials}


def choose_settings(module: str) -> str:
    """Name the Django settings module unless the environment names one; return the choice."""
    return os.environ.setdefault("DJANGO_SETTINGS_MODULE", module)


def nest_home(name: str) -> None:
    """Move the home folder one level down, also for child processes; again changes nothing."""
    home = load().home
    if home.name != name:
        os.environ["AITRADER_HOME"] = str(home / name)
        load.cache_clear()


def child_environment() -> dict[str, str]:
    """Return an environment for PostgreSQL's programs, free of the caller's PG* variables."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def secret_file(home: Path, name: str) -> str:
    """Return the secret kept in `home/secrets/name`; make it (256 random bits) when absent.

    Two processes that start together agree: the file is linked into place whole, once.
    """
    path = home / "secrets" / name
    try:
        if not path.exists():
            _make_secret(path)
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SystemExit(
            f"aitrader: cannot use {path} ({error.strerror}): "
            "choose another folder with AITRADER_HOME"
        ) from None


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()

"""Whose record it is: the account of an order, a signal or an entry, and the run that drove it.

1. A database may hold the records of several runs; only one of them is on screen.
2. Mode and source come from the rows of the account and its feed, never from what is on screen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from trading.models import Account, Feed, Order, ReconBreak, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An account and the feed that drives it; `source` is empty where no feed ever did."""

    account_id: int
    account_code: str
    mode: str
    source: str
    title: str


def of_account(account_id: int) -> Run:
    """The run of an account (one query)."""
    return _run(Account.objects.select_related("feed").get(pk=account_id))


def of_entry(
    *, actor: str, object_type: str, object_id: str, trace_id: str, data: Mapping[str, Any]
) -> Run | None:
    """The run that a journal entry names: by account, feed, order or trace; None if by nothing."""
    if actor.startswith("feed:"):
        object_type, object_id = "feed", actor.removeprefix("feed:")
    found = _accounts(object_type, object_id, trace_id, data)
    row = Account.objects.select_related("feed").filter(found).first() if found else None
    return _run(row) if row else None


def scopes_of(account_id: int) -> tuple[set[str], set[str]]:
    """Codes of the strategies and of the instruments that the account's desk trades."""
    strategies = Strategy.objects.filter(account_id=account_id).values_list("code", flat=True)
    codes = Feed.objects.filter(account_id=account_id).values_list(
        "instruments__instrument__code", flat=True
    )
    return set(strategies), {code for code in codes if code}


def _accounts(object_type: str, object_id: str, trace_id: str, data: Mapping[str, Any]) -> Q | None:
    code = data.get("account") or data.get("account_code")
    if object_type in {"account", "limit"}:
        code = object_id
    if data.get("scope") == "ACCOUNT":
        code = data.get("scope_code")
    if isinstance(code, str):
        return Q(code=code)
    if object_type == "feed":
        return Q(feed__code=object_id)
    if object_type == "break":
        return Q(pk__in=ReconBreak.objects.filter(public_id=object_id).values("account"))
    if object_type == "order":
        return Q(pk__in=Order.objects.filter(public_id=object_id).values("account"))
    if trace_id:
        return Q(pk__in=Order.objects.filter(trace_id=trace_id).values("account")[:1])
    return None


def _run(account: Account) -> Run:
    feed: Feed | None = getattr(account, "feed", None)
    return Run(
        account_id=account.pk,
        account_code=account.code,
        mode=account.mode,
        source=feed.source if feed else "",
        title=feed.title if feed else "",
    )

"""Operators, their roles and passwords, and what a role may do.

1. Groups and permissions are generated from compliance/domain/roles.py and converge to it: a right
   that the table does not give is taken away.
2. No operator is a superuser, and the flag, should someone set it, opens nothing here.
3. A password is shown once, by whoever created the operator, and is never written anywhere.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import transaction

from aitrader.kernel.errors import BadInput, NotPermitted
from aitrader.kernel.events import Event, EventName
from aitrader.kernel.ids import derive
from compliance.domain import step_up
from compliance.domain.roles import ROLES_THAT_MAY, ROW_RIGHTS, Action, Role, actions_of
from compliance.models import Operator, Person
from compliance.services import journal
from compliance.services.installation import namespace

# Without letters and digits that are taken for one another when read from a terminal.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_PASSWORD_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Created:
    """`password` is the random one, to be shown once; None if the caller chose it."""

    operator: Operator
    password: str | None = field(repr=False)


def sync_roles() -> None:
    """Make groups and permissions what the table of roles says; a second call changes nothing."""
    with transaction.atomic():
        actions = _action_permissions()
        rows = [
            (f"{app}.{codename}", pk)
            for pk, app, codename in Permission.objects.values_list(
                "pk", "content_type__app_label", "codename"
            )
        ]
        for role in Role:
            granted = {actions[action] for action in actions_of([role])}
            for pattern in ROW_RIGHTS[role]:
                granted |= {pk for name, pk in rows if fnmatchcase(name, pattern)}
            group, _ = Group.objects.get_or_create(name=role.value)
            group.permissions.set(granted)


def may(operator: Any, action: Action) -> bool:
    """Whether the operator (or an anonymous user) may do that now."""
    if not operator.is_active or operator.is_superuser:
        return False
    return bool(operator.has_perm(f"compliance.{action.value}"))


def require(operator: Any, action: Action) -> None:
    """Raise NotPermitted unless the operator may do that now."""
    if not may(operator, action):
        holders = ", ".join(sorted(ROLES_THAT_MAY[action]))
        raise NotPermitted(f"{action.value} is for {holders}")


def has_operators() -> bool:
    """Whether anybody can log in yet."""
    return Operator.objects.exists()


def operator_named(username: str) -> Operator:
    """The operator of that name. Raises BadInput when there is none."""
    found = Operator.objects.filter(username=username).first()
    if found is None:
        raise BadInput(f"there is no operator {username}")
    return found


def create_operator(
    *,
    username: str,
    password: str | None = None,
    roles: Sequence[Role],
    now: datetime,
    actor: str,
    full_name: str = "",
    market_at: datetime | None = None,
) -> Created:
    """Create an operator and the person behind it; without a password a random one is returned.

    `now` is wall time; `market_at` is the same unless a market clock runs beside it. Raises
    BadInput for a name that is taken or malformed, a weak password, or no role.
    """
    generated = None if password is not None else _random_password()
    with transaction.atomic():
        require_new(username, roles)
        person = Person(public_id=derive(namespace(), "person", username), full_name=full_name)
        operator = Operator(
            username=username,
            public_id=derive(namespace(), "operator", username),
            person=person,
            is_staff=Action.ENTER_ADMIN in actions_of(roles),
            date_joined=now,
        )
        if password is not None:
            _require_strong(operator, password)
        operator.set_password(generated if password is None else password)
        person.save()
        operator.save()
        operator.groups.set(_groups(roles))
        data = {"username": username, "roles": sorted(roles)}
        event = event_of(EventName.OPERATOR_CREATED, operator, actor, market_at or now, data)
        journal.record([event], now=now)
    return Created(operator, generated)


def require_new(username: str, roles: Sequence[Role]) -> None:
    """Raise BadInput unless an operator of that name and those roles could be created."""
    if Operator.objects.filter(username=username).exists():
        raise BadInput(f"operator {username} exists already")
    if not roles:
        raise BadInput(f"operator {username}: no role given; choose from {', '.join(Role)}")
    try:
        Operator(username=username).clean_fields(exclude=["password", "person", "public_id"])
    except ValidationError as error:
        raise BadInput(f"operator {username}: {' '.join(error.messages)}") from None


def require_another(operator: Operator, by: Operator) -> None:
    """Raise NotPermitted unless `by` manages operators and is another person."""
    require(by, Action.MANAGE_OPERATORS)
    if operator.person_id == by.person_id:
        raise NotPermitted("nobody changes their own roles or resets their own second factor")


def change_operator(
    *,
    operator: Operator,
    roles: Sequence[Role],
    is_active: bool,
    by: Operator,
    verified_at: datetime | None,
    now: datetime,
    market_at: datetime,
) -> bool:
    """Give an operator other roles, or switch the account off or on; False if nothing changes.

    Takes effect with the next request. `now` and `verified_at` are wall time. Raises NotPermitted
    for oneself or without the right, StepUpRequired without a fresh one-time password.
    """
    require_another(operator, by)
    step_up.require(verified_at, now=now, action="changing an operator")
    with transaction.atomic():
        row = Operator.objects.select_for_update().get(pk=operator.pk)
        before = sorted(row.groups.values_list("name", flat=True))
        after = sorted(role.value for role in roles)
        if before == after and row.is_active == is_active:
            return False
        row.is_active = is_active
        row.is_staff = Action.ENTER_ADMIN in actions_of(roles)
        row.save(update_fields=["is_active", "is_staff"])
        row.groups.set(_groups(roles))
        data = {"username": row.username, "before": before, "after": after, "active": is_active}
        actor = f"operator:{by.username}"
        event = event_of(EventName.OPERATOR_CHANGED, row, actor, market_at, data)
        journal.record([event], now=now)
    return True


def require_new_password(operator: Operator, *, old: str, new: str) -> None:
    """Raise BadInput unless the new password may follow the old one.

    Whether the old one is the operator's is not looked at: the answer says nothing about it.
    """
    _require_strong(operator, new)
    if new == old:
        raise BadInput("the new password is the old one")


def change_password(
    *,
    operator: Operator,
    old: str,
    new: str,
    verified_at: datetime | None,
    now: datetime,
    market_at: datetime,
) -> None:
    """Give an operator another password: every session that was opened with the old one ends.

    `now` and `verified_at` are wall time. Raises BadInput for a wrong old password or a weak new
    one, StepUpRequired without a fresh one-time password.
    """
    step_up.require(verified_at, now=now, action="changing a password")
    with transaction.atomic():
        row = Operator.objects.select_for_update().get(pk=operator.pk)
        if not row.check_password(old):
            raise BadInput("the old password is wrong")
        require_new_password(row, old=old, new=new)
        row.set_password(new)
        row.save(update_fields=["password"])
        actor = f"operator:{row.username}"
        data = {"username": row.username}
        event = event_of(EventName.PASSWORD_CHANGED, row, actor, market_at, data)
        journal.record([event], now=now)


def _action_permissions() -> dict[Action, int]:
    """The permission of each action, made if absent; those of actions no more are removed."""
    home, _ = ContentType.objects.get_or_create(app_label="compliance", model="operator")
    wanted = {action.value: f"May {action.value}" for action in Action}
    ours = Permission.objects.filter(content_type=home, codename__contains=".")
    ours.exclude(codename__in=wanted, name__in=wanted.values()).delete()
    absent = wanted.keys() - set(ours.values_list("codename", flat=True))
    Permission.objects.bulk_create(
        Permission(content_type=home, codename=codename, name=wanted[codename])
        for codename in sorted(absent)
    )
    return {Action(codename): pk for codename, pk in ours.values_list("codename", "pk")}


def _groups(roles: Iterable[Role]) -> list[Group]:
    wanted = {role.value for role in roles}
    found = list(Group.objects.filter(name__in=wanted))
    if len(found) != len(wanted):
        raise BadInput("the roles are not installed yet: run manage.py migrate, then start")
    return found


def _random_password() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_PASSWORD_LENGTH))


def _require_strong(operator: Operator, password: str) -> None:
    try:
        validate_password(password, operator)
    except ValidationError as error:
        raise BadInput(f"operator {operator.username}: {' '.join(error.messages)}") from None


def event_of(
    name: EventName, operator: Operator, actor: str, market_at: datetime, data: Mapping[str, object]
) -> Event:
    """A journal entry about an operator."""
    return Event(
        name=name,
        actor=actor,
        object_type="operator",
        object_id=operator.public_id,
        market_at=market_at,
        data=data,
    )

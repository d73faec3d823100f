"""Roles become groups; operators are made and changed, with a journal entry each time."""

from datetime import timedelta

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aitrader.kernel.errors import BadInput, NotPermitted, StepUpRequired
from aitrader.kernel.events import EventName
from compliance.domain.roles import FIRST_OPERATOR, ROLES_THAT_MAY, Action, Role
from compliance.models import JournalEntry, Operator, Person
from compliance.services import access
from tests.integration.compliance.writing import NOW

pytestmark = pytest.mark.usefixtures("installed")


def create(name: str, *roles: Role) -> Operator:
    return access.create_operator(username=name, roles=roles, now=NOW, actor="test").operator


def fresh(operator: Operator) -> Operator:
    """As the next request would load it: rights are cached on the object."""
    return Operator.objects.get(pk=operator.pk)


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_the_table_says_and_no_more(role: Role) -> None:
    operator = create("ann", role)
    assert {action for action in Action if access.may(operator, action)} == {
        action for action, roles in ROLES_THAT_MAY.items() if role in roles
    }
    assert operator.is_staff is access.may(operator, Action.ENTER_ADMIN)


def test_nobody_and_the_switched_off_may_nothing() -> None:
    operator = create("ann", *FIRST_OPERATOR)
    operator.is_active = False
    assert not any(access.may(operator, action) for action in Action)
    assert not any(access.may(AnonymousUser(), action) for action in Action)


def test_the_superuser_flag_opens_nothing() -> None:
    operator = create("ann", *FIRST_OPERATOR)
    operator.is_superuser = True
    assert not any(access.may(operator, action) for action in Action)


def test_a_refusal_names_who_may() -> None:
    with pytest.raises(NotPermitted, match=r"halt.release is for risk"):
        access.require(create("ann", Role.TRADER), Action.RELEASE)


def rights() -> dict[str, set[str]]:
    return {
        group.name: set(group.permissions.values_list("codename", flat=True))
        for group in Group.objects.all()
    }


def test_groups_converge_to_the_table() -> None:
    before = rights()
    assert set(before) == set(Role)
    assert {"view_order", "view_fill", "view_journalentry"} <= before["compliance"]
    Group.objects.get(name="trader").permissions.add(
        Permission.objects.get(codename="delete_order")
    )
    Group.objects.get(name="risk").permissions.clear()
    stray = Permission.objects.get(codename=Action.HALT.value)
    stray.pk, stray.codename = None, "halt.for_ever"
    stray.save()
    access.sync_roles()
    assert rights() == before
    assert not Permission.objects.filter(codename="halt.for_ever").exists()


def test_converging_twice_writes_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        access.sync_roles()
    words = {query["sql"].split()[0] for query in queries.captured_queries}
    assert not words & {"INSERT", "DELETE"}


def test_creating_returns_a_password_once_and_journals_without_it() -> None:
    created = access.create_operator(
        username="ann", roles=FIRST_OPERATOR, now=NOW, actor="setup", full_name="Ann A."
    )
    assert created.password is not None
    assert len(created.password) == 20
    assert created.password not in repr(created)
    operator = fresh(created.operator)
    assert operator.check_password(created.password)
    assert (operator.is_superuser, operator.is_staff, operator.is_active) == (False, True, True)
    assert operator.person.full_name == "Ann A."
    [entry] = JournalEntry.objects.filter(event=EventName.OPERATOR_CREATED)
    assert (entry.actor, entry.object_id) == ("setup", operator.public_id)
    assert created.password.encode() not in bytes(entry.payload)
    data = orjson.loads(bytes(entry.payload))["body"]["data"]
    assert data == {"username": "ann", "roles": ["admin", "risk", "trader"]}


def test_a_chosen_password_is_not_returned() -> None:
    chosen = "correct horse battery"
    created = access.create_operator(
        username="ann", password=chosen, roles=[Role.RISK], now=NOW, actor="test"
    )
    assert created.password is None
    assert fresh(created.operator).check_password(chosen)


@pytest.mark.parametrize(
    ("username", "password", "roles", "line"),
    [
        ("taken", None, FIRST_OPERATOR, "operator taken exists already"),
        ("bad name", None, FIRST_OPERATOR, "Enter a valid username"),
        ("", None, FIRST_OPERATOR, "cannot be blank"),
        ("bob", "12345", FIRST_OPERATOR, "too short"),
        ("bob", None, (), "no role given"),
    ],
)
def test_what_cannot_be_created_says_why(
    username: str, password: str | None, roles: tuple[Role, ...], line: str
) -> None:
    create("taken", Role.TRADER)
    with pytest.raises(BadInput, match=line):
        access.create_operator(
            username=username, password=password, roles=roles, now=NOW, actor="test"
        )
    assert Operator.objects.count() == Person.objects.count() == 1


def change(operator: Operator, by: Operator, *roles: Role, **given: object) -> bool:
    arguments = {"is_active": True, "verified_at": NOW, "now": NOW, "market_at": NOW, **given}
    return access.change_operator(operator=operator, roles=roles, by=by, **arguments)  # type: ignore[arg-type]  # a dict of mixed values


def test_changing_roles_counts_with_the_next_request() -> None:
    chief, ann = create("chief", Role.ADMIN), create("ann", Role.TRADER)
    assert change(ann, chief, Role.RISK)
    assert not change(ann, chief, Role.RISK)
    assert access.may(fresh(ann), Action.RELEASE)
    assert not access.may(fresh(ann), Action.TOGGLE_STRATEGY)
    assert change(ann, chief, Role.RISK, is_active=False)
    assert not access.may(fresh(ann), Action.RELEASE)
    first, second = JournalEntry.objects.filter(event=EventName.OPERATOR_CHANGED).order_by("id")
    assert first.actor == "operator:chief"
    assert orjson.loads(bytes(second.payload))["body"]["data"]["active"] is False


def test_changing_asks_for_the_right_another_person_and_a_fresh_password() -> None:
    chief, ann = create("chief", Role.ADMIN), create("ann", Role.TRADER)
    with pytest.raises(NotPermitted, match=r"operator\.manage is for admin"):
        change(chief, ann, Role.TRADER)
    with pytest.raises(NotPermitted, match="their own"):
        change(chief, chief, Role.ADMIN, Role.RISK)
    with pytest.raises(StepUpRequired):
        change(ann, chief, Role.RISK, verified_at=NOW - timedelta(minutes=6))
    assert not JournalEntry.objects.filter(event=EventName.OPERATOR_CHANGED).exists()


def test_a_second_account_of_the_same_person_is_still_oneself() -> None:
    chief, other = create("chief", Role.ADMIN), create("other", Role.TRADER)
    other.person = chief.person
    other.save()
    with pytest.raises(NotPermitted, match="their own"):
        change(other, chief, Role.RISK)

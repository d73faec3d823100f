"""The table of roles: separation of duties, and nothing that edits what is only inserted."""

from fnmatch import fnmatchcase

import pytest

from compliance.domain.roles import (
    FIRST_OPERATOR,
    ROLES_THAT_MAY,
    ROW_RIGHTS,
    Action,
    Role,
    actions_of,
)

INSERT_ONLY = (
    "compliance.{}_journalentry",
    "compliance.{}_journalleaf",
    "compliance.{}_journalhead",
    "risk.{}_decision",
    "risk.{}_limitcounter",
    "trading.{}_fill",
    "trading.{}_signal",
    "trading.{}_ledgerposting",
    "trading.{}_ledgertransaction",
)


def test_every_action_has_a_holder() -> None:
    assert set(ROLES_THAT_MAY) == set(Action)
    assert all(ROLES_THAT_MAY.values())


def test_any_trading_role_may_halt_but_only_risk_may_release() -> None:
    assert ROLES_THAT_MAY[Action.HALT] == {Role.TRADER, Role.RISK, Role.ADMIN}
    assert ROLES_THAT_MAY[Action.RELEASE] == {Role.RISK}


def test_admin_cannot_trade_and_a_trader_cannot_change_limits() -> None:
    assert not actions_of([Role.ADMIN]) & {Action.TOGGLE_STRATEGY, Action.CANCEL_ORDER}
    assert Action.CHANGE_LIMIT not in actions_of([Role.TRADER])


def test_compliance_only_looks() -> None:
    assert actions_of([Role.COMPLIANCE]) == {
        Action.VIEW_DESK, Action.VIEW_JOURNAL, Action.ENTER_ADMIN,
    }  # fmt: skip
    assert all(".view_" in pattern for pattern in ROW_RIGHTS[Role.COMPLIANCE])


def test_the_first_operator_can_do_everything() -> None:
    assert actions_of(FIRST_OPERATOR) == set(Action)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", ["add", "change", "delete"])
def test_no_role_edits_what_is_only_inserted(role: Role, verb: str) -> None:
    names = [name.format(verb) for name in INSERT_ONLY]
    assert not [
        name for name in names for pattern in ROW_RIGHTS[role] if fnmatchcase(name, pattern)
    ]


def test_every_role_sees_the_desk_and_its_journal() -> None:
    for action in (Action.VIEW_DESK, Action.VIEW_JOURNAL):
        assert ROLES_THAT_MAY[action] == set(Role)


def test_the_only_right_to_change_rows_is_the_one_that_a_dialog_asks_for() -> None:
    changing = {p for patterns in ROW_RIGHTS.values() for p in patterns if ".view_" not in p}
    assert changing == {"trading.change_instrumentrow"}
    entering = ROLES_THAT_MAY[Action.ENTER_ADMIN]
    assert {role for role in Role if ROW_RIGHTS[role]} == entering


@pytest.mark.parametrize("role", Role)
def test_no_role_deletes_rows(role: Role) -> None:
    assert not [p for p in ROW_RIGHTS[role] if fnmatchcase("trading.delete_order", p)]
    assert not [p for p in ROW_RIGHTS[role] if "delete" in p]

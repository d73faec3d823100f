"""Who may do what: the one table from which groups, permissions and buttons are made.

1. Nobody may edit or delete what the database only ever inserts; no role says otherwise.
2. Admin cannot trade, a trader cannot loosen limits or release a halt, risk cannot create orders.
3. There is no superuser: what is not in this table may not be done, and who holds no role sees
   nothing.
4. A person may hold several roles in PAPER only; from PILOT upward two persons are needed.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    TRADER = "trader"
    RISK = "risk"
    ADMIN = "admin"
    COMPLIANCE = "compliance"


class Action(StrEnum):
    """What a person does on the desk; the value is the permission's codename."""

    VIEW_DESK = "desk.view"
    HALT = "halt.engage"
    RELEASE = "halt.release"
    TOGGLE_STRATEGY = "strategy.toggle"
    CONFIGURE_STRATEGY = "strategy.configure"
    SUBMIT_ORDER = "order.submit"
    CANCEL_ORDER = "order.cancel"
    HANDLE_BREAK = "break.handle"
    CHANGE_LIMIT = "limit.change"
    ACKNOWLEDGE_ALERT = "alert.acknowledge"
    VIEW_JOURNAL = "journal.view"
    MANAGE_OPERATORS = "operator.manage"
    ENTER_ADMIN = "admin.enter"


_TRADER, _RISK, _ADMIN, _COMPLIANCE = Role.TRADER, Role.RISK, Role.ADMIN, Role.COMPLIANCE

ROLES_THAT_MAY: Mapping[Action, frozenset[Role]] = MappingProxyType(
    {
        Action.VIEW_DESK: frozenset({_TRADER, _RISK, _ADMIN, _COMPLIANCE}),
        Action.HALT: frozenset({_TRADER, _RISK, _ADMIN}),
        Action.RELEASE: frozenset({_RISK}),
        Action.TOGGLE_STRATEGY: frozenset({_TRADER}),
        Action.CONFIGURE_STRATEGY: frozenset({_ADMIN}),
        Action.SUBMIT_ORDER: frozenset({_TRADER}),
        Action.CANCEL_ORDER: frozenset({_TRADER, _RISK}),
        Action.HANDLE_BREAK: frozenset({_RISK, _ADMIN}),
        Action.CHANGE_LIMIT: frozenset({_RISK}),
        Action.ACKNOWLEDGE_ALERT: frozenset({_TRADER, _RISK, _ADMIN}),
        Action.VIEW_JOURNAL: frozenset({_TRADER, _RISK, _ADMIN, _COMPLIANCE}),
        Action.MANAGE_OPERATORS: frozenset({_ADMIN}),
        Action.ENTER_ADMIN: frozenset({_RISK, _ADMIN, _COMPLIANCE}),
    }
)

_READ = ("trading.view_*", "risk.view_*", "compliance.view_*")

#: Rights on rows, as shell patterns over `app.codename` of Django's own permissions: each opens a
#: page or a dialog of the back office, or it does not stand here.
ROW_RIGHTS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.TRADER: (),
        Role.RISK: _READ,
        Role.ADMIN: (
            *_READ,
            "*.view_group",
            "*.view_totpdevice",
            "*.view_staticdevice",
            "auditlog.view_logentry",
            "trading.change_instrumentrow",
        ),
        Role.COMPLIANCE: (*_READ, "*.view_group", "auditlog.view_logentry"),
    }
)

#: What the first operator of a paper desk holds.
FIRST_OPERATOR: tuple[Role, ...] = (Role.TRADER, Role.RISK, Role.ADMIN)


def actions_of(roles: Iterable[Role]) -> frozenset[Action]:
    """Everything that these roles together may do."""
    held = set(roles)
    return frozenset(action for action, allowed in ROLES_THAT_MAY.items() if allowed & held)

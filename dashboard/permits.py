"""Who may open which address and press which button, and the reason on one that may not be pressed.

Who may do what is declared in compliance/domain/roles.py alone; here is only what asks for it.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from compliance.domain import roles
from compliance.services import access


@dataclass(frozen=True, slots=True)
class Permits:
    """The commands of the desk for one operator; templates read the attributes."""

    halt: bool
    release: bool
    strategies: bool
    cancel: bool
    acknowledge: bool
    limits: bool
    journal: bool
    admin: bool

    @property
    def why(self) -> dict[str, str]:
        """The reason for each button that is shown but may not be pressed."""
        return {button: why_not(button) for button in ACTIONS}


#: Our button to compliance's action.
ACTIONS = {
    "halt": roles.Action.HALT,
    "release": roles.Action.RELEASE,
    "strategies": roles.Action.TOGGLE_STRATEGY,
    "cancel": roles.Action.CANCEL_ORDER,
    "acknowledge": roles.Action.ACKNOWLEDGE_ALERT,
    "limits": roles.Action.CHANGE_LIMIT,
}

#: What an address asks for; one that does not stand here asks for VIEW_DESK.
PAGES = {
    "journal": roles.Action.VIEW_JOURNAL,
    "leaf": roles.Action.VIEW_JOURNAL,
}


def of(user: Any) -> Permits:
    """What the operator may do."""
    allowed = {button: bool(access.may(user, action)) for button, action in ACTIONS.items()}
    journal = bool(access.may(user, roles.Action.VIEW_JOURNAL))
    admin = bool(access.may(user, roles.Action.ENTER_ADMIN))
    return Permits(**allowed, journal=journal, admin=admin)


def may_open(user: Any, name: str) -> bool:
    """Whether the operator's roles open the address of that name; an unnamed one is as any other.

    The back office asks for its own action besides (dashboard/backoffice.py).
    """
    return bool(access.may(user, PAGES.get(name, roles.Action.VIEW_DESK)))


def why_not(button: str) -> str:
    """The text on a button that another role could press."""
    names = ", ".join(sorted(str(role) for role in roles.ROLES_THAT_MAY[ACTIONS[button]]))
    return _("Your role may not do this; %(roles)s may.") % {"roles": names}

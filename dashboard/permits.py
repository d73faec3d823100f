"""Who may press which button, and the reason shown on one that may not be pressed."""

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


def of(user: Any) -> Permits:
    """What the operator may do."""
    allowed = {button: bool(access.may(user, action)) for button, action in ACTIONS.items()}
    return Permits(**allowed, admin=bool(getattr(user, "is_staff", False)))


def why_not(button: str) -> str:
    """The text on a button that another role could press."""
    names = ", ".join(sorted(str(role) for role in roles.ROLES_THAT_MAY[ACTIONS[button]]))
    return _("Your role may not do this; %(roles)s may.") % {"roles": names}

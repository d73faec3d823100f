"""Commands that may be sent twice and happen once.

1. The first answer to a key is kept and given again to every repeat.
2. The same key with other content is refused: it is another command by mistake.
3. The key's row and the command's change commit together.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from aitrader.kernel.errors import BadInput
from dashboard.models import Submission

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


def new_key() -> str:
    """A key for a form about to be shown."""
    return secrets.token_urlsafe(18)


def is_key(key: str) -> bool:
    """Whether that is a key: 16 to 64 letters, digits, hyphens and underscores."""
    return _KEY.fullmatch(key) is not None


def require_key(key: str) -> None:
    """Raise BadInput for a form without a key."""
    if not is_key(key):
        raise BadInput(_("The form carries no key. Reload the page and try again."))


def seen(*, operator: Any, key: str) -> bool:
    """Whether the key has an answer already."""
    return Submission.objects.filter(operator=operator, key=key).exists()


def once(
    *,
    operator: Any,
    key: str,
    command: str,
    content: Mapping[str, object],
    now: datetime,
    perform: Callable[[], dict[str, Any]],
) -> tuple[dict[str, Any], bool]:
    """Perform the command unless the key was used; returns its outcome and whether it is new.

    Raises BadInput for a malformed key or one used for something else, and what `perform` raises.
    """
    require_key(key)
    text = json.dumps(content, sort_keys=True, default=str)
    fingerprint = hashlib.sha256(f"{command}\n{text}".encode()).hexdigest()
    try:
        with transaction.atomic():
            row = Submission.objects.create(
                operator=operator,
                key=key,
                command=command,
                fingerprint=fingerprint,
                received_at=now,
            )
            row.outcome = perform()
            row.save(update_fields=["outcome"])
            return row.outcome, True
    except IntegrityError as error:
        if "dashboard_submission_once" not in str(error):
            raise
    first = Submission.objects.get(operator=operator, key=key)
    if first.fingerprint != fingerprint:
        raise BadInput(_("This form was already sent with other content. Reload the page."))
    return first.outcome, False

"""What auditlog follows: configuration, row by row, and who changed it.

1. Configuration only: records are in the journal, and are never changed.
2. A password leaves no trace here, not even as a hash.
3. Of each row its own columns: what points at it is another row's to say.
"""

from auditlog.registry import auditlog
from django.db.models import Model

from compliance.models import Operator, Person


def follow(
    model: type[Model], *, but: tuple[str, ...] = (), together: tuple[str, ...] = ()
) -> None:
    """Keep changes of a model's columns, `but` some, and of the relations named `together`."""
    columns = [each.name for each in model._meta.concrete_fields if not each.primary_key]
    auditlog.register(
        model,
        include_fields=[name for name in columns if name not in but],
        m2m_fields=set(together),
    )


follow(Operator, but=("password", "last_login"), together=("groups",))
follow(Person)

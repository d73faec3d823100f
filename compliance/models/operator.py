"""People and their accounts.

1. Four eyes are counted by Person, never by account: one person may hold several operators.
2. Roles are groups: trader, risk, admin, compliance.
"""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Person(models.Model):
    public_id = models.CharField(max_length=32, unique=True)
    full_name = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("persons")

    def __str__(self) -> str:
        return self.full_name or self.public_id


class Operator(AbstractUser):
    public_id = models.CharField(max_length=32, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="operators")

    class Meta(AbstractUser.Meta):
        verbose_name = _("operator")  # type: ignore[assignment]  # the stubs of the parent say str
        verbose_name_plural = _("operators")  # type: ignore[assignment]  # as above

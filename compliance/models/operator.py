"""People and their accounts.

1. Four eyes are counted by Person, never by account: one person may hold several operators.
2. Roles are groups: trader, risk, admin, compliance.
"""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(models.Model):
    public_id = models.CharField(max_length=32, unique=True)
    full_name = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.full_name or self.public_id


class Operator(AbstractUser):
    public_id = models.CharField(max_length=32, unique=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="operators")

    class Meta(AbstractUser.Meta):
        pass

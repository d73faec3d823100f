"""The one row that names this database.

1. There is at most one row; its `namespace` is drawn once and seeds every derived id.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Installation(models.Model):
    id = models.SmallIntegerField(primary_key=True, default=1)
    namespace = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("installation")
        verbose_name_plural = _("installations")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="compliance_installation_one")
        ]

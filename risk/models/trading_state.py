"""Who may trade, by scope. No row means ACTIVE; the severest row that applies wins."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class TradingStateRow(models.Model):
    """`scope_code` is empty for the global scope."""

    scope = models.CharField(max_length=16)
    scope_code = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=300)
    changed_by = models.CharField(max_length=100)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("trading state")
        verbose_name_plural = _("trading states")
        constraints = [
            models.UniqueConstraint(fields=["scope", "scope_code"], name="risk_tradingstate_scope")
        ]

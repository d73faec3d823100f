"""The gate's word on one intent, kept whether it allowed the order or denied it.

1. One decision per intent and attempt; rows are never changed.
2. (id, approved) is unique so that an order can name the verdict it relies on.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Decision(models.Model):
    public_id = models.CharField(max_length=32, unique=True)
    intent_id = models.CharField(max_length=32)
    account_code = models.CharField(max_length=64)
    approved = models.BooleanField()
    verdicts = models.JSONField()
    reasons = models.JSONField(default=list)
    decided_at = models.DateTimeField()

    class Meta:
        verbose_name = _("gate decision")
        verbose_name_plural = _("gate decisions")
        constraints = [
            models.UniqueConstraint(fields=["id", "approved"], name="risk_decision_verdict"),
            models.UniqueConstraint(fields=["intent_id"], name="risk_decision_once"),
        ]

"""A form that was sent, so that sending it again does nothing again.

1. (operator, key) is unique: the key is made when the form is rendered.
2. The row is written by the transaction of the command, so a command that failed may be repeated.
"""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Submission(models.Model):
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    key = models.CharField(max_length=64)
    command = models.CharField(max_length=40)
    fingerprint = models.CharField(max_length=64)
    outcome = models.JSONField(default=dict)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        constraints = [
            models.UniqueConstraint(fields=["operator", "key"], name="dashboard_submission_once")
        ]

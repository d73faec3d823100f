"""Until when a venue's host wants silence; every process of the desk looks here before it calls."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class VenueSilence(models.Model):
    host = models.CharField(max_length=200, primary_key=True)
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("venue silence")
        verbose_name_plural = _("venue silences")

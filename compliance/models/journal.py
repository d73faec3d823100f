"""The journal: what happened, in bytes that can be hashed again.

1. `leaf` = SHA-256(0x00 ‖ `payload`); `payload` is canonical JSON and is what the leaf proves.
2. Rows are only ever inserted: triggers (ENABLE ALWAYS) refuse UPDATE, DELETE and TRUNCATE.
3. `xid` is the inserting transaction; the sequencer numbers entries only once no older
   transaction can still commit, so a late commit is never skipped.
4. `leaf_index` is gap-free from 0 and is given in batches, never by a trading transaction.
"""

from django.db import models
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _


class Xid8Field(models.Field):
    """PostgreSQL's 64-bit transaction id."""

    def db_type(self, connection: object) -> str:
        return "xid8"


class JournalEntry(models.Model):
    xid = Xid8Field(db_default=RawSQL("pg_current_xact_id()", ()))
    event = models.CharField(max_length=64)
    version = models.SmallIntegerField()
    actor = models.CharField(max_length=100)
    on_behalf_of = models.CharField(max_length=100, blank=True, default="")
    object_type = models.CharField(max_length=32)
    object_id = models.CharField(max_length=64)
    trace_id = models.CharField(max_length=64, blank=True, default="")
    market_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    payload = models.BinaryField()
    leaf = models.BinaryField()

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        indexes = [
            models.Index(fields=["xid", "id"], name="journal_entry_xid"),
            models.Index(fields=["object_type", "object_id"], name="journal_entry_object"),
            models.Index(fields=["trace_id"], name="journal_entry_trace"),
        ]


class JournalLeaf(models.Model):
    leaf_index = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="sequenced")

    class Meta:
        verbose_name = _("journal leaf")
        verbose_name_plural = _("journal leaves")


class JournalHead(models.Model):
    """Where the sequencer stands: all entries with an xid below `sequenced_below` have a leaf."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    size = models.BigIntegerField(default=0)
    sequenced_below = Xid8Field(db_default=RawSQL("'0'::xid8", ()))

    class Meta:
        verbose_name = _("journal head")
        verbose_name_plural = _("journal heads")
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="compliance_journalhead_one")
        ]

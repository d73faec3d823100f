"""The double-entry ledger.

1. The postings of one transaction sum to zero in each asset: a deferred constraint trigger in the
   migration refuses anything else at commit.
2. Rows are only ever inserted; a correction is another transaction. That of kind VOID takes back
   what the one of kind FILL booked; a fill has one of each at the most.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from trading.models.account import Account
from trading.models.columns import Amount, PublicId
from trading.models.fill import Fill


class LedgerTransaction(models.Model):
    public_id = PublicId()
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    fill = models.ForeignKey(
        Fill, null=True, on_delete=models.PROTECT, related_name="entries", db_index=False
    )
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        db_table = "trading_ledger_transaction"
        verbose_name = _("ledger transaction")
        verbose_name_plural = _("ledger transactions")
        constraints = [
            models.UniqueConstraint(fields=["fill", "kind"], name="trading_ledger_fill_once")
        ]


class LedgerPosting(models.Model):
    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="postings"
    )
    ledger_account = models.CharField(max_length=16)
    asset = models.CharField(max_length=16)
    amount = Amount()

    class Meta:
        db_table = "trading_ledger_posting"
        verbose_name = _("ledger posting")
        verbose_name_plural = _("ledger postings")

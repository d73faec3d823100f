"""Indexes of orders that nothing is looked up by, or that another one serves.

An order changes its status several times before it rests, and at each it is entered into all of
them anew. Text is ordered bytewise, so the unique indexes serve what begins with something too.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

_WORKING = ["CREATED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED"]
_LIKE = (
    ("public_id", "b42bee07"),
    ("intent_id", "84d1d125"),
    ("cl_ord_id", "31343e17"),
)


class Migration(migrations.Migration):
    dependencies = [("trading", "0019_order_request")]

    operations = [
        migrations.AddIndex(
            "order",
            models.Index(
                fields=["account", "id"],
                condition=Q(ord_status__in=_WORKING) | ~Q(certainty="CERTAIN"),
                name="trading_order_live",
            ),
        ),
        migrations.RemoveIndex("order", "trading_order_working"),
        migrations.RemoveIndex("order", "trading_order_doubtful"),
        migrations.AlterField(
            "order",
            "account",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="trading.account",
            ),
        ),
        *(
            migrations.RunSQL(
                f"DROP INDEX IF EXISTS trading_order_{column}_{digest}_like",
                f"CREATE INDEX IF NOT EXISTS trading_order_{column}_{digest}_like"
                f" ON trading_order ({column} varchar_pattern_ops)",
            )
            for column, digest in _LIKE
        ),
    ]

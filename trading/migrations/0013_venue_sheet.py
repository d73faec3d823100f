"""What a venue charges maker and taker, and how much of what it allows is used."""

from django.db import migrations, models


_RATE = models.DecimalField(decimal_places=18, max_digits=38, null=True)


class Migration(migrations.Migration):
    dependencies = [("trading", "0012_ledger_voids")]

    operations = [
        migrations.RemoveField("venuefacts", "fee_rate"),
        migrations.AddField("venuefacts", "maker_rate", _RATE),
        migrations.AddField("venuefacts", "taker_rate", _RATE),
        migrations.AddField(
            "venuefacts", "fee_tier", models.CharField(blank=True, default="", max_length=100)
        ),
        migrations.AddField("venuefacts", "limit_used", models.PositiveIntegerField(null=True)),
        migrations.AddField("venuefacts", "limit_allowed", models.PositiveIntegerField(null=True)),
        migrations.AddField(
            "venuefacts", "limit_per", models.CharField(blank=True, default="", max_length=100)
        ),
        migrations.AddField("venuefacts", "limit_at", models.DateTimeField(null=True)),
    ]

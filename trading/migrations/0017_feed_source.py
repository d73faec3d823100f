"""Prices of what stands in for a venue have a word of their own."""

from django.db import migrations, models

_SOURCES = ("REAL-TIME", "SANDBOX", "REPLAY", "SIMULATED")


class Migration(migrations.Migration):
    dependencies = [("trading", "0016_feed_line_down_at")]

    operations = [
        migrations.AlterField(
            "feed",
            "source",
            models.CharField(choices=[(each, each) for each in _SOURCES], max_length=16),
        ),
    ]

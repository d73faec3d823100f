"""The request of an order as it was kept at its claim."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0018_feedgap_filled_at")]

    operations = [
        migrations.AddField("order", "body", models.TextField(blank=True, default="")),
        migrations.AddField(
            "order", "body_sha256", models.CharField(blank=True, default="", max_length=64)
        ),
        migrations.AddField("order", "recv_window", models.DurationField(null=True)),
        migrations.AddField("order", "deadline", models.DateTimeField(null=True)),
    ]

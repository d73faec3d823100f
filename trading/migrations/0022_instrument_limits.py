"""What a venue allows of an instrument beyond its steps and least amounts, in one column."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0020_order_indexes")]

    operations = [
        migrations.AddField("instrumentrow", "limits", models.JSONField(default=dict)),
    ]

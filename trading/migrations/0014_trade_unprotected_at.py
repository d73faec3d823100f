"""When a position was found unprotected, by the wall."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0013_venue_sheet")]

    operations = [
        migrations.AddField("trade", "unprotected_at", models.DateTimeField(null=True)),
    ]

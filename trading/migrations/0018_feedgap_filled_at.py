"""When the missing bars of a gap were recorded after all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trading", "0017_feed_source")]

    operations = [
        migrations.AddField("feedgap", "filled_at", models.DateTimeField(null=True)),
    ]

"""Since when the source of a feed in real time is not heard."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trading", "0015_target_watch"),
    ]

    operations = [
        migrations.AddField(
            model_name="feed",
            name="line_down_at",
            field=models.DateTimeField(null=True),
        ),
    ]

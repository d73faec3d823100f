"""An index that nothing is looked up by: public ids are looked up whole."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX IF EXISTS risk_decision_public_id_143a09d3_like",
            "CREATE INDEX IF NOT EXISTS risk_decision_public_id_143a09d3_like"
            " ON risk_decision (public_id varchar_pattern_ops)",
        )
    ]

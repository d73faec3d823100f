"""The journal refuses UPDATE, DELETE and TRUNCATE, from any role and in any replication role."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION aitrader_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: rows are only ever inserted', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

TABLES = ("compliance_journalentry", "compliance_journalleaf")


def _triggers(table: str) -> str:
    return f"""
CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION aitrader_refuse_change();
CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION aitrader_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_rows;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_whole;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial")]

    operations = [
        migrations.RunSQL(
            REFUSE + "".join(_triggers(table) for table in TABLES),
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

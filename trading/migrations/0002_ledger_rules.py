"""Rules that the database enforces whatever the code does.

1. The postings of a ledger transaction sum to zero in each asset (checked at commit).
2. Fills, signals and ledger rows are only ever inserted.
3. An order's verdict is the verdict of the decision it names.
"""

from django.db import migrations

ZERO_SUM = """
CREATE FUNCTION trading_ledger_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken record;
BEGIN
    SELECT asset, sum(amount) AS total INTO broken
      FROM trading_ledger_posting WHERE transaction_id = NEW.transaction_id
     GROUP BY asset HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger transaction % does not balance: % sums to %',
            NEW.transaction_id, broken.asset, broken.total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER trading_ledger_posting_zero_sum
    AFTER INSERT ON trading_ledger_posting DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION trading_ledger_zero_sum();
ALTER TABLE trading_ledger_posting ENABLE ALWAYS TRIGGER trading_ledger_posting_zero_sum;
"""

VERDICT = """
ALTER TABLE trading_order ADD CONSTRAINT trading_order_verdict
    FOREIGN KEY (decision_id, approved) REFERENCES risk_decision (id, approved);
"""

TABLES = (
    "trading_fill",
    "trading_signal",
    "trading_ledger_transaction",
    "trading_ledger_posting",
    "risk_decision",
)


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
    dependencies = [
        ("trading", "0001_initial"),
        ("risk", "0001_initial"),
        ("compliance", "0002_journal_refusal"),
    ]

    operations = [
        migrations.RunSQL(
            ZERO_SUM + VERDICT + "".join(_triggers(table) for table in TABLES),
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]

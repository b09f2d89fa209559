"""Forward-only changes of the SQLite schema, each applied once, in a transaction of its own."""

from pathlib import Path

from sqlite_utils import Database, Migrations

from storage.rows import SUMMED, months_from_days

migrations = Migrations("tryon")
HERE = Path(__file__).parent
KEY_TYPE = {"utc_hour": "INTEGER", "bucket": "INTEGER"}


def run_script(db: Database, name: str) -> None:
    """Run a file of statements; each ends with a semicolon at the end of its line."""
    for statement in (HERE / name).read_text().split(";\n"):
        if statement.strip():
            db.execute(statement)


def _create_sums(db: Database, table: str) -> None:
    key, counts = SUMMED[table]
    columns = [f"{name} {KEY_TYPE.get(name, 'TEXT')} NOT NULL" for name in key]
    columns += [f"{name} INTEGER NOT NULL DEFAULT 0" for name in counts]
    primary = f"PRIMARY KEY ({', '.join(key)})"
    db.execute(f"CREATE TABLE {table} ({', '.join(columns)}, {primary}) STRICT, WITHOUT ROWID")


@migrations()
def first(db: Database) -> None:
    run_script(db, "0001_first.sql")
    for table in ("day", "day_product", "day_category", "month_product", "hour"):
        _create_sums(db, f"totals_{table}")


@migrations()
def views(db: Database) -> None:
    run_script(db, "0002_views.sql")


@migrations()
def months(db: Database) -> None:
    for table in ("totals_month", "histograms_month"):
        _create_sums(db, table)
    db.execute("DELETE FROM totals_month_product")
    for statement in months_from_days():
        db.execute(statement)

"""Forward-only changes of the SQLite schema, each applied once, in a transaction of its own."""

from pathlib import Path

from sqlite_utils import Database, Migrations

from storage.funnel import COUNTS, TOTALS

migrations = Migrations("tryon")
HERE = Path(__file__).parent
KEY_TYPE = {"utc_hour": "INTEGER"}


def run_script(db: Database, name: str) -> None:
    """Run a file of statements; each ends with a semicolon at the end of its line."""
    for statement in (HERE / name).read_text().split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def first(db: Database) -> None:
    run_script(db, "0001_first.sql")
    counts = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in COUNTS)
    for table, key in TOTALS.items():
        columns = ", ".join(f"{name} {KEY_TYPE.get(name, 'TEXT')} NOT NULL" for name in key)
        db.execute(
            f"CREATE TABLE {table} ({columns}, {counts}, PRIMARY KEY ({', '.join(key)}))"
            " STRICT, WITHOUT ROWID"
        )


@migrations()
def views(db: Database) -> None:
    run_script(db, "0002_views.sql")

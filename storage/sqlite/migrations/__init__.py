"""Forward-only changes of the SQLite schema, each applied once, in a transaction of its own.

They name columns as these were when the migration was written: one that comes later comes by a
migration of its own, also to a new file.
"""

from pathlib import Path

from sqlite_utils import Database, Migrations

from storage.sqlite.rows import month_from_days

migrations = Migrations("tryon")
HERE = Path(__file__).parent
COUNTS = (
    "impressions", "clicks", "created", "create_failed", "reused", "opened", "completed",
    "abandoned", "failed", "cancelled", "other", "expired_unlaunched", "expired_unreported",
    "launch_ms_sum", "complete_ms_sum",
)  # fmt: skip
# What a worker of an earlier version writes meanwhile has a default in the columns of this one.
KEY_TYPE = {"utc_hour": "INTEGER", "bucket": "INTEGER", "offered": "TEXT DEFAULT ''"}


def unknown(db: Database) -> list[str]:
    """Name the changes of a database that this version does not know: a later one made them."""
    known = {each.name for each in migrations.pending(Database(memory=True))}
    return [each.name for each in migrations.applied(db) if each.name not in known]


def run_script(db: Database, name: str) -> None:
    """Run a file of statements; each ends with a semicolon at the end of its line."""
    for statement in (HERE / name).read_text().split(";\n"):
        if statement.strip():
            db.execute(statement)


def _create_sums(db: Database, table: str, *key: str, counts: tuple[str, ...] = COUNTS) -> None:
    columns = [f"{name} {KEY_TYPE.get(name, 'TEXT')} NOT NULL" for name in key]
    columns += [f"{name} INTEGER NOT NULL DEFAULT 0" for name in counts]
    primary = f"PRIMARY KEY ({', '.join(key)})"
    db.execute(f"CREATE TABLE {table} ({', '.join(columns)}, {primary}) STRICT, WITHOUT ROWID")


@migrations()
def first(db: Database) -> None:
    run_script(db, "0001_first.sql")
    _create_sums(db, "totals_day", "local_day", "device", "channel", "locale")
    _create_sums(db, "totals_day_product", "local_day", "product_id")
    _create_sums(db, "totals_day_category", "local_day", "category")
    _create_sums(db, "totals_month_product", "local_month", "product_id")
    _create_sums(db, "totals_hour", "utc_hour", "channel")


@migrations()
def views(db: Database) -> None:
    run_script(db, "0002_views.sql")


@migrations()
def months(db: Database) -> None:
    segments, buckets = ("device", "channel", "locale"), ("metric", "channel", "bucket")
    _create_sums(db, "totals_month", "local_month", *segments)
    _create_sums(db, "histograms_month", "local_month", *buckets, counts=("n",))
    db.execute("DELETE FROM totals_month_product")
    db.execute(month_from_days("totals_month", "totals_day", segments, COUNTS))
    db.execute(
        month_from_days("totals_month_product", "totals_day_product", ("product_id",), COUNTS)
    )
    db.execute(month_from_days("histograms_month", "histograms", buckets, ("n",)))


@migrations()
def unreadable_callbacks(db: Database) -> None:
    # They are looked for among all callbacks, of which nearly all could be read.
    db.execute("CREATE INDEX receipts_unreadable ON receipts (id) WHERE verdict = 'unreadable'")


@migrations()
def offered(db: Database) -> None:
    db.execute("ALTER TABLE attempts ADD COLUMN offered TEXT NOT NULL DEFAULT ''")
    for table, period in (("totals_day", "local_day"), ("totals_month", "local_month")):
        key = (period, "device", "channel", "locale")
        db.execute(f"ALTER TABLE {table} RENAME TO before_offered")
        _create_sums(db, table, *key, "offered")
        columns = ", ".join((*key, *COUNTS))
        copy = f"INSERT INTO {table} ({columns}, offered) SELECT {columns}, ''"
        db.execute(f"{copy} FROM before_offered")
        db.execute("DROP TABLE before_offered")
    run_script(db, "0005_offered.sql")

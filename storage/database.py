"""Open the database that TRYON_DATABASE names. Nothing else outside knows which one it is."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from storage.products import NewProductRows, ProductRows
from storage.sqlite import backup as copies
from storage.sqlite.backup import backup, restore
from storage.sqlite.connection import VERSION, WAL_IS_SAFE, Error
from storage.sqlite.counters import SQLiteCounters
from storage.sqlite.jobs import SQLiteJobs
from storage.sqlite.maintenance import SQLiteMaintenance
from storage.sqlite.products import SQLiteNewProducts, SQLiteProducts
from storage.sqlite.store import SQLiteStore
from storage.store import Counters, Engine, Jobs, Maintenance, StorageUnavailable, Store

__all__ = ["Database", "backup", "engine", "open_counters", "open_database", "private_counters"]
__all__ += ["new_products", "open_products", "read_counters", "restore"]


@dataclass(frozen=True)
class Database:
    """An open database."""

    store: Store
    maintenance: Maintenance
    jobs: Jobs

    def close(self) -> None:
        self.store.close()


def open_database(path: Path, zone: ZoneInfo) -> Database:
    """Open a database, made or migrated if needed; `zone` is the shop's.

    :raises StorageUnavailable: it cannot be opened.
    """
    store = SQLiteStore(path, zone)
    return Database(store, SQLiteMaintenance(store), SQLiteJobs(store.read, store.aside))


def open_counters(path: Path) -> Counters:
    """Open the counters beside a database."""
    return _counters(Path(f"{path}-counters"))


def read_counters(path: Path) -> Counters | None:
    """Open the counters beside a database; None where nobody has made them."""
    return open_counters(path) if Path(f"{path}-counters").exists() else None


def private_counters() -> Counters:
    """Make counters that this process alone sees."""
    return _counters(Path(":memory:"))


def _counters(path: Path) -> Counters:
    try:
        return SQLiteCounters(path)
    except Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error


def open_products(path: Path) -> ProductRows:
    """Open a catalogue's products. :raises StorageUnavailable: they cannot be read."""
    return SQLiteProducts(path)


def new_products(path: Path) -> NewProductRows:
    """Make a file for a catalogue's products. :raises StorageUnavailable: it cannot be made."""
    return SQLiteNewProducts(path)


def compact(path: Path, zone: ZoneInfo) -> int:
    """Give the room of deleted rows back to the disk; return how many bytes.

    :raises StorageUnavailable: it cannot be opened, or is open elsewhere.
    """
    open_database(path, zone).close()  # which looks whether it may be opened
    return copies.compact(path)


def engine() -> Engine:
    """Name the database program, and what is wrong with it."""
    if WAL_IS_SAFE:
        return Engine(f"SQLite {VERSION}, write-ahead log", "")
    return Engine(
        f"SQLite {VERSION} can lose committed rows with a write-ahead log",
        "Install pysqlite3 0.6 or newer; until then a rollback journal is used, which is slower.",
    )

"""`tryon backup` and `tryon restore`: a checked copy or a sentence, and nothing else touched."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.events import Entry
from tests.cli.terminal import store_of, told
from tests.servers import Shop
from tests.storage.histories import attempt_id, click, moment


def attempts(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM attempts").fetchone()[0])


def contents(folder: Path) -> dict[str, bytes]:
    """Each file's bytes, but for those that are no rows: the lock file and the log's index."""
    files = [path for path in folder.iterdir() if not path.name.endswith(("-lock", "-shm"))]
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def copy(shop: Shop) -> Path:
    told(shop, "backup", str(shop.folder / "copy.db"))
    return shop.folder / "copy.db"


def test_a_backup_holds_what_is_only_in_the_log_and_stands_alone(shop: Shop, copy: Path) -> None:
    with closing(store_of(shop)) as store:
        at = moment("2026-11-02T12:00")
        store.commit([Entry((click(attempt_id(at, 9)),))])
        told(shop, "backup", str(shop.folder / "another.db"))
        assert Path(f"{shop.database}-wal").stat().st_size > 0
    assert (attempts(copy), attempts(shop.folder / "another.db")) == (7, 8)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not [*shop.folder.glob("copy.db?*")]


def test_a_backup_can_be_restored_and_what_was_there_is_kept(shop: Shop, copy: Path) -> None:
    before = told(shop, "stats", "--json")
    told(shop, "erase", "=cmd|' /C calc'!A0")
    said = told(shop, "restore", str(copy))
    (kept,) = shop.folder.glob("tryon.db.before-*[0-9]")
    assert str(kept) in said
    assert told(shop, "stats", "--json") == before
    assert "agrees" in told(shop, "verify")
    told(shop, "restore", str(kept))  # which undoes it
    assert attempts(shop.database) == 0


def test_a_restore_on_a_new_machine_needs_nothing_there(shop: Shop, copy: Path) -> None:
    for file in shop.folder.glob("tryon.db*"):
        file.unlink()
    assert told(shop, "restore", str(copy)) == f"{shop.database} is as {copy} was.\n"
    assert "agrees" in told(shop, "verify")
    assert attempts(shop.database) == 7


def test_a_backup_never_overwrites(shop: Shop, copy: Path) -> None:
    before = contents(shop.folder)
    assert "exists already" in told(shop, "backup", str(copy), status=1)
    assert "exists already" in told(shop, "backup", str(shop.database), status=1)
    assert contents(shop.folder) == before


def test_a_backup_of_nothing_makes_nothing(shop: Shop) -> None:
    shop.environ["TRYON_DATABASE"] = f"sqlite:///{shop.folder}/none.db"
    assert "there is no" in told(shop, "backup", str(shop.folder / "copy.db"), status=1)
    assert not [*shop.folder.glob("none.db*"), *shop.folder.glob("copy.db*")]


def of_another_program(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE something (else_)")


def of_a_later_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('tryon', 'colours', '2030-01-01')"
        )


def with_flipped_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(3 * 4096, len(content), 4096):  # where each page says what it is
        content[place] ^= 0xFF
    path.write_bytes(content)


def with_an_index_of_what_is_gone(path: Path) -> None:
    """As after a lost write: each page is sound, and one does not belong to the other."""
    index, restored = "events_received", "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        found = db.execute("SELECT * FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        db.execute("DELETE FROM sqlite_master WHERE name = ?", (index,))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM events WHERE name = 'click'")
        db.execute("PRAGMA writable_schema = ON")
        db.execute(restored, found)


def half_of_it(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.write_bytes(b"not a database, " * 1_000), "not a database"),
        (lambda path: path.write_bytes(b""), "is no backup of this app"),
        (Path.unlink, "there is no file"),
        (of_another_program, "is no backup of this app"),
        (of_a_later_version, "is of a later version (colours)"),
        (with_flipped_bytes, "damaged: copy.db"),
        (with_an_index_of_what_is_gone, "damaged: copy.db: wrong # of entries in index"),
        (half_of_it, "damaged: copy.db"),
    ],
    ids=["text", "empty", "none", "another", "later", "flipped", "index", "half"],
)
def test_what_is_no_sound_backup_is_refused_and_nothing_is_touched(
    shop: Shop, copy: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(copy)
    before = contents(shop.folder)
    found = told(shop, "restore", str(copy), status=1)
    assert said in found
    assert contents(shop.folder) == before


def test_no_backup_is_made_of_a_damaged_database(shop: Shop) -> None:
    with_flipped_bytes(shop.database)
    assert "damaged: tryon.db" in told(shop, "backup", str(shop.folder / "copy.db"), status=1)
    assert not [*shop.folder.glob("copy.db*")]


def test_a_restore_is_refused_while_anybody_has_the_database_open(shop: Shop, copy: Path) -> None:
    with closing(store_of(shop)):
        before = contents(shop.folder)
        found = shop.command("restore", str(copy))
        assert found.returncode == 1
        assert "is in use; stop the app first" in found.stderr
        assert contents(shop.folder) == before
    told(shop, "restore", str(copy))


def test_the_database_is_no_backup_of_itself(shop: Shop) -> None:
    assert "is the database itself" in told(shop, "restore", str(shop.database), status=1)


def test_a_database_of_a_later_version_is_left_alone(shop: Shop) -> None:
    of_a_later_version(shop.database)
    assert "is of a later version (colours)" in told(shop, "stats", status=1)


LEAVES = (10, 13)  # of an index and of a table: the first byte of a page, SQLite's file format, 1.6


@pytest.mark.parametrize("name", ["attempts", "events"])
def test_what_can_be_read_of_a_damaged_database_is_exported(shop: Shop, name: str) -> None:
    day = moment("2026-11-03T00:00")
    with closing(store_of(shop)) as store:
        clicks = [click(attempt_id(day + 60_000 * number, number)) for number in range(1_400)]
        store.commit([Entry((each,)) for each in clicks])
    days = ("--from", "2026-11-02", "--to", "2026-11-04")
    whole = told(shop, "export", name, *days).splitlines()
    assert len(whole) > 1_400
    content = shop.database.read_bytes()
    pages = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    lost = clicks[700].attempt_id.encode()
    # The order of sets decides whether the id stands in a page that leads to others, too.
    hit = [lost in page and page[0] in LEAVES for page in pages]
    shop.database.write_bytes(
        b"".join(b"U" * 4096 if gone else page for gone, page in zip(hit, pages, strict=True))
    )
    found = shop.command("export", name, *days)
    assert found.returncode == 1
    assert "rows are missing. The database is damaged: tryon.db" in found.stderr
    assert "Traceback" not in found.stderr
    kept = found.stdout.splitlines()
    assert 1_000 < len(kept) < len(whole)
    assert [line for line in whole if line in kept] == kept
    assert (kept[0], kept[-1]) == (whole[0], whole[-1])

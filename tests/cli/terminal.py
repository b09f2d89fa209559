"""What a command says, in this process, of a shop that does not run."""

from contextlib import chdir
from zoneinfo import ZoneInfo

from click.testing import CliRunner

from proxy.cli import cli
from storage.sqlite.store import SQLiteStore
from tests.servers import Shop
from tests.storage.histories import ZONE

DAYS = ("--from", "2026-11-01", "--to", "2026-11-02")


def store_of(shop: Shop) -> SQLiteStore:
    return SQLiteStore(shop.database, ZoneInfo(ZONE))


def told(shop: Shop, *arguments: str, status: int = 0) -> str:
    """What a command says: its output, or its complaint."""
    with chdir(shop.folder):
        found = CliRunner().invoke(cli, arguments, env=shop.environ | {"COLUMNS": "120"})
    assert found.exit_code == status, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.stdout if status == 0 else found.stderr

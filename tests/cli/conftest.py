"""A shop with a small history, for commands."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.database import open_database
from tests.cli.terminal import store_of
from tests.servers import Shop, Vendor, free_port
from tests.storage.histories import ZONE, small_history


@pytest.fixture
def shop(tmp_path: Path, vendor: Vendor) -> Iterator[Shop]:
    """Not running: commands need the settings and the database alone."""
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_TIMEZONE=ZONE)
    with closing(store_of(shop)) as store:
        store.commit(small_history())
    with closing(open_database(shop.database, ZoneInfo(ZONE))) as database:
        database.maintenance.ensure_timezone()  # as at each start
    yield shop

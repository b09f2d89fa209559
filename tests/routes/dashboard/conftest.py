"""A merchant who is logged in, and a shop whose numbers are known."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
import requests

from storage.sqlite.store import SQLiteStore
from tests.routes.dashboard.merchant import log_in
from tests.servers import ALONE, Shop, Vendor, running_shop
from tests.storage.histories import (
    ZONE,
    small_history,
)


@pytest.fixture(scope="session")
def merchant(shop: Shop) -> requests.Session:
    return log_in(shop)


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop in New York with a small history."""
    folder = tmp_path_factory.mktemp("known")
    store = SQLiteStore(folder / "tryon.db", ZoneInfo(ZONE))
    store.commit(small_history())
    store.close()
    plans = '[{"name": "S", "price": 1, "included_sessions": 10, "price_per_extra_session": 1}]'
    settings = ALONE | {"TRYON_TIMEZONE": ZONE, "TRYON_PLANS": plans}
    with running_shop(folder, vendor, **settings) as shop:
        yield shop

"""One vendor and one shop for all tests that need nothing special of them, and a quiet shop."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import Shop, Vendor, running_shop, running_vendor
from tests.siteverify import Service, running_service

pytest_plugins = ["tests.browser.fixtures"]

# Whoever runs the tests may work with the app, or behind a proxy, in the same terminal; and what
# commands print follows the terminal.
TERMINAL = {"TERM", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"}
for name in [*os.environ]:
    ours = name.startswith(("TRYON_", "SIMULATOR_"))
    if ours or name.lower().endswith("_proxy") or name in TERMINAL:
        del os.environ[name]

# The same examples each time, and no time limit: a machine that stands still proves nothing wrong.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steady")


# The files that take longest, and where each test starts servers or waits for a page. These begin,
# in this order, or one of them would end alone.
LONG = ("test_oracle.py", "test_proofs.py", "test_forecast.py", "test_woocommerce.py")
LONG += ("tests/browser/", "tests/cli/", "test_server.py", "tests/threats/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [part not in item.nodeid.partition("::")[0] for part in LONG])


@pytest.fixture(scope="session")
def vendor() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("shop"), vendor) as shop:
        yield shop


@pytest.fixture(scope="session")
def quiet_shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """Where nothing happens but what a test does: sessions that earlier tests left in the other
    shop expire, and are called back, at any time."""
    with running_shop(tmp_path_factory.mktemp("quiet"), vendor) as shop:
        yield shop


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A siteverify service, whose ways a test may change."""
    with running_service() as service:
        yield service

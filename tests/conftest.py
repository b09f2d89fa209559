"""One vendor and one shop for all tests that need nothing special of them."""

from collections.abc import Iterator

import pytest

from tests.servers import Shop, Vendor, running_shop, running_vendor


@pytest.fixture(scope="session")
def vendor() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("shop"), vendor) as shop:
        yield shop

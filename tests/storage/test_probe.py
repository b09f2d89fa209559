"""Whether a store can write is asked often, and tried seldom."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage import probe
from storage.events import Entry
from storage.probe import Probe
from storage.sqlite.store import SQLiteStore
from storage.store import Committed, StorageUnavailable
from storage.writer import Writer
from tests.storage.workers import CLAIM, child


class Shop:
    """A store whose commits are counted, and fail with `fault`."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.commits = 0
        self.fault: StorageUnavailable | None = None
        self.writer = Writer(self.commit)

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Exception]:
        self.commits += 1
        if self.fault:
            raise self.fault
        return self.store.commit(entries)

    def probe(self) -> Probe:
        """That of one more worker."""
        return Probe(self.store, self.writer)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with closing(SQLiteStore(tmp_path / "tryon.db", ZoneInfo("UTC"))) as store:
        yield Shop(store)


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is good for an hour."""
    monkeypatch.setattr(probe, "PERIOD_S", 3_600.0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is good for no time."""
    monkeypatch.setattr(probe, "PERIOD_S", 0.0)


@pytest.mark.usefixtures("hour")
def test_one_write_tells_all_workers_for_a_while(shop: Shop) -> None:
    workers = [shop.probe() for _ in range(3)]
    assert [worker.failure() for worker in workers * 5] == [None] * 15
    assert shop.commits == 1


@pytest.mark.usefixtures("hour")
def test_a_failure_is_tried_again_after_a_while_only(shop: Shop) -> None:
    shop.fault = StorageUnavailable("disk full")
    worker = shop.probe()
    assert [worker.failure() for _ in range(5)] == [shop.fault] * 5
    assert shop.commits == 1


@pytest.mark.usefixtures("at_once")
def test_it_is_as_of_now_when_its_time_is_over(shop: Shop) -> None:
    worker = shop.probe()
    assert worker.failure() is None
    shop.fault = StorageUnavailable("disk full")
    assert worker.failure() is shop.fault
    shop.fault = None
    assert worker.failure() is None


@pytest.mark.usefixtures("at_once")
def test_while_another_worker_tries_the_last_answer_stands(shop: Shop) -> None:
    worker = shop.probe()
    holder = child(CLAIM, shop.store.path, "probe")
    assert worker.failure() is None
    assert shop.commits == 0
    holder.kill()
    holder.communicate(timeout=60)
    assert worker.failure() is None
    assert shop.commits == 1

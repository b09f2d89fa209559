"""Group commit: an answer comes after its commit, whatever becomes of the others."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.events import Entry, event
from storage.sqlite.maintenance import SQLiteMaintenance as Maintenance
from storage.sqlite.store import SQLiteStore
from storage.store import Committed, Conflict, StorageUnavailable
from storage.writer import Writer
from tests.storage.histories import attempt_id, click, created, moment, table

DONE = Committed(None, True, None)
NOON = moment("2026-06-15T12:00")
SECONDS = 10  # that nothing here takes


def entry(number: int) -> Entry:
    return Entry((event("error", "", number, "button", key=f"error:{number}"),))


class Disk:
    """Commits when it is let, and remembers what; `fault` is raised instead, once."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.began = threading.Semaphore(0)
        self.groups: list[list[Entry]] = []
        self.fault: Exception | None = None

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Exception]:
        self.groups.append(list(entries))
        self.began.release()
        assert self.may.wait(SECONDS)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return [DONE] * len(entries)

    def has_begun(self) -> None:
        assert self.began.acquire(timeout=SECONDS)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads will bring about."""
    ticking = threading.Event()
    for _ in range(SECONDS * 1_000):
        if condition():
            return
        ticking.wait(0.001)
    raise AssertionError("it never came")


def gathered(
    writer: Writer, pool: ThreadPoolExecutor, numbers: Sequence[int]
) -> list[Future[Committed]]:
    """Submissions that wait together behind a commit under way."""
    before = writer.waiting
    waiting = [pool.submit(writer.submit, entry(number)) for number in numbers]
    until(lambda: writer.waiting == before + len(numbers))
    return waiting


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_nothing_is_answered_before_its_commit(disk: Disk) -> None:
    writer = Writer(disk.commit)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(writer.submit, entry(1))
        disk.has_begun()
        assert not answer.done()
        disk.may.set()
        assert answer.result(SECONDS) == DONE


def test_what_gathers_behind_a_commit_goes_in_one(disk: Disk) -> None:
    writer = Writer(disk.commit)
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(writer.submit, entry(0))
        disk.has_begun()
        others = gathered(writer, pool, range(1, 21))
        disk.may.set()
        assert [each.result(SECONDS) for each in (first, *others)] == [DONE] * 21
    assert [len(group) for group in disk.groups] == [1, 20]


def test_a_group_has_a_bound(disk: Disk) -> None:
    writer = Writer(disk.commit)
    with ThreadPoolExecutor(267) as pool:
        waiting = [pool.submit(writer.submit, entry(0))]
        disk.has_begun()
        waiting += gathered(writer, pool, range(1, 267))
        disk.may.set()
        for each in waiting:
            each.result(SECONDS)
    assert [len(group) for group in disk.groups] == [1, 256, 10]


def test_too_many_waiting_are_refused_at_once_and_later_ones_are_not(disk: Disk) -> None:
    writer = Writer(disk.commit, capacity=3)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(writer.submit, entry(0))]
        disk.has_begun()
        waiting += gathered(writer, pool, range(1, 4))
        with pytest.raises(StorageUnavailable, match="too many"):
            writer.submit(entry(4))
        disk.may.set()
        assert [each.result(SECONDS) for each in waiting] == [DONE] * 4
    assert writer.submit(entry(5)) == DONE


def test_a_wait_has_a_bound_and_says_who_holds_writers_off(disk: Disk) -> None:
    writer = Writer(disk.commit, patience_s=0.05, holder=lambda: ": process 7 holds the lock")
    with pytest.raises(StorageUnavailable, match=r"^no commit within 0.05 s: process 7 holds"):
        writer.submit(entry(0))
    disk.has_begun()
    disk.may.set()
    assert Writer(disk.commit).submit(entry(0)) == DONE  # what was too late may come again


@pytest.mark.parametrize("fault", [StorageUnavailable("disk full"), RuntimeError("a mistake")])
def test_a_failed_commit_reaches_who_waits_for_it_and_the_next_works(
    disk: Disk, fault: Exception
) -> None:
    writer = Writer(disk.commit)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(writer.submit, entry(0))
        disk.has_begun()
        others = gathered(writer, pool, range(1, 5))
        disk.fault = fault
        disk.may.set()
        assert first.exception(SECONDS) is fault
        assert [each.result(SECONDS) for each in others] == [DONE] * 4


def test_a_failed_group_fails_each_of_it(disk: Disk) -> None:
    fault = StorageUnavailable("disk full")

    def commit(entries: Sequence[Entry]) -> list[Committed | Exception]:
        results = disk.commit(entries)
        if len(entries) > 1:
            raise fault
        return results

    writer = Writer(commit)
    with ThreadPoolExecutor(5) as pool:
        pool.submit(writer.submit, entry(0))
        disk.has_begun()
        others = gathered(writer, pool, range(1, 5))
        disk.may.set()
        assert [each.exception(SECONDS) for each in others] == [fault] * 4
    assert writer.submit(entry(9)) == DONE


def test_each_gets_the_result_of_its_own() -> None:
    def commit(entries: Sequence[Entry]) -> list[Committed | Exception]:
        odd = [each.events[0].occurred_ms % 2 for each in entries]
        return [Conflict("odd") if each else DONE for each in odd]

    writer = Writer(commit)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(writer.submit, entry(number)) for number in range(80)]
        for number, answer in enumerate(answers):
            assert isinstance(answer.exception(SECONDS), Conflict) == bool(number % 2)


def test_the_commit_runs_where_it_is_told_to() -> None:
    ran: list[str] = []

    def commit(entries: Sequence[Entry]) -> list[Committed | Exception]:
        ran.append(threading.current_thread().name)
        return [DONE] * len(entries)

    with ThreadPoolExecutor(1, thread_name_prefix="elsewhere") as elsewhere:
        writer = Writer(
            commit, offload=lambda work, entries: elsewhere.submit(work, entries).result()
        )
        writer.submit(entry(1))
    assert ran == ["elsewhere_0"]


def test_it_tells_of_each_commit_and_a_failing_listener_stops_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = threading.Semaphore(0)

    def listener() -> None:
        told.release()
        raise RuntimeError("nobody listens")

    writer = Writer(lambda entries: [DONE] * len(entries), on_commit=listener)
    for number in range(3):
        assert writer.submit(entry(number)) == DONE
        assert told.acquire(timeout=SECONDS)
    assert "after a commit" in caplog.text


def test_many_threads_are_stored_once_each_in_few_commits(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "tryon.db", ZoneInfo("Europe/Berlin"))
    commits: list[int] = []

    def commit(entries: Sequence[Entry]) -> list[Committed | Exception]:
        commits.append(len(entries))
        return store.commit(entries)

    writer = Writer(commit)

    def shopper(number: int) -> None:
        a = attempt_id(NOON, number)
        for _ in range(2):
            result = writer.submit(Entry((click(a), created(a, NOON))))
            assert result.attempt is not None
            assert result.attempt == store.attempt(a)
        with suppress(Conflict):
            writer.submit(Entry((created(attempt_id(NOON, 10_000 + number), NOON, f"s-{a}"),)))
            raise AssertionError("one session, two attempts")

    with ThreadPoolExecutor(40) as pool:
        for each in [pool.submit(shopper, number) for number in range(200)]:
            each.result(SECONDS)
    assert len(table(store.path, "attempts")) == 200
    assert len(commits) < sum(commits)
    assert Maintenance(store).verify() == []
    store.close()

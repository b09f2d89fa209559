"""What has to happen in time, without anybody asking."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.tryon import expiry
from storage.database import Database, open_database
from storage.events import now_ms
from storage.store import Job, StorageUnavailable
from tests.storage.workers import CLAIM, child


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(open_database(tmp_path / "tryon.db", ZoneInfo("UTC"))) as opened:
        yield opened


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that were run, each of which ends well, but for "fails"."""
    found: list[tuple[str, ...]] = []

    def run_apart(*arguments: str) -> "subprocess.Popen[bytes]":
        found.append(arguments)
        return subprocess.Popen(["false" if arguments[0] == "fails" else "true"])

    monkeypatch.setattr(expiry, "run_apart", run_apart)
    return found


def test_a_job_is_done_once_it_is_due_and_once(
    database: Database, ran: list[tuple[str, ...]]
) -> None:
    later = Job("rebuild", now_ms() + 3_600_000)
    database.jobs.put(Job("replay", 1))
    database.jobs.put(later)
    for _ in range(2):
        expiry.do_jobs(database.store, database.jobs)
    assert ran == [("replay", "--quiet")]
    assert later in database.jobs.waiting()


def test_a_job_that_fails_is_done_again_later(
    database: Database, ran: list[tuple[str, ...]]
) -> None:
    database.jobs.put(Job("fails", 1))
    for _ in range(2):
        expiry.do_jobs(database.store, database.jobs)
    assert ran == [("fails", "--quiet")]
    (again,) = [job for job in database.jobs.waiting() if job.command == "fails"]
    assert again.due_ms > now_ms() + 30_000


def test_a_job_that_is_put_anew_while_it_is_done_is_done_again(database: Database) -> None:
    first, second = Job("replay", 1), Job("replay", 2)
    database.jobs.put(first)
    database.jobs.put(second)
    database.jobs.done(first)
    assert database.jobs.waiting() == [second]
    database.jobs.done(second)
    assert database.jobs.waiting() == []


def test_a_job_that_another_worker_does_is_left_to_it(
    database: Database, ran: list[tuple[str, ...]], tmp_path: Path
) -> None:
    database.jobs.put(Job("replay", 1))
    holder = child(CLAIM, tmp_path / "tryon.db", "job:replay")
    expiry.do_jobs(database.store, database.jobs)
    assert ran == []
    holder.kill()  # as a worker may be: the next one takes over
    holder.communicate(timeout=60)
    expiry.do_jobs(database.store, database.jobs)
    assert ran == [("replay", "--quiet")]


def test_a_job_that_another_worker_has_done_meanwhile_is_not_done_again(
    database: Database, ran: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("replay", 1)
    database.jobs.put(job)
    claim = database.store.claim

    def done_by_another(key: str) -> AbstractContextManager[bool]:
        database.jobs.done(job)
        return claim(key)

    monkeypatch.setattr(database.store, "claim", done_by_another)
    expiry.do_jobs(database.store, database.jobs)
    assert ran == []


def test_a_job_that_failed_after_long_work_is_not_all_that_the_machine_does(
    database: Database, ran: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter(range(now_ms(), now_ms() + 10**9, 3_600_000))  # an hour later at each look
    monkeypatch.setattr(expiry, "now_ms", lambda: next(moments))
    database.jobs.put(Job("fails", 1))
    expiry.do_jobs(database.store, database.jobs)
    (again,) = [job for job in database.jobs.waiting() if job.command == "fails"]
    assert again.due_ms > now_ms() + 10 * 3_600_000


def test_a_purge_is_due_every_six_hours_however_often_workers_start(
    database: Database, ran: list[tuple[str, ...]]
) -> None:
    expiry.do_jobs(database.store, database.jobs)
    (purge,) = database.jobs.waiting()
    assert purge.command == "purge"
    assert 21_590_000 < purge.due_ms - now_ms() <= 21_600_000
    expiry.do_jobs(database.store, database.jobs)
    assert database.jobs.waiting() == [purge]
    database.jobs.put(Job("purge", 1))
    for _ in range(2):
        expiry.do_jobs(database.store, database.jobs)
    assert ran == [("purge", "--quiet")]
    (again,) = database.jobs.waiting()
    assert again.due_ms > purge.due_ms - 60_000


def test_background_work_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [StorageUnavailable("locked"), ValueError("a row is broken")]
    done = threading.Event()

    def work() -> None:
        if failures:
            raise failures.pop()
        monkeypatch.setattr(expiry, "EVERY_S", 3_600.0)
        done.set()

    monkeypatch.setattr(expiry, "EVERY_S", 0.01)
    expiry.repeat("work", work)
    assert done.wait(30)

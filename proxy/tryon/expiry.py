"""Background work of every worker: expire sessions, do the jobs that wait in the database."""

import logging
import threading
import time
from collections.abc import Callable

from proxy.background import run_apart
from storage.events import Entry, event, now_ms
from storage.store import Job, Jobs, StorageUnavailable, Store
from storage.writer import Writer

EVERY_S = 1.0
PURGE_EVERY_MS = 6 * 3_600_000
AGAIN_AFTER_MS = 60_000
AT_ONCE = 500

log = logging.getLogger("tryon.sweep")


def sweep(store: Store, writer: Writer) -> int:
    """Record the sessions that have expired; how many. Doing it twice changes nothing more."""
    now = now_ms()
    _notice_loss(store, writer)
    due = store.due(now, AT_ONCE)
    if due:
        writer.submit(Entry(tuple(event("expired", each, now, "proxy") for each in due)))
    return len(due)


def _notice_loss(store: Store, writer: Writer) -> None:
    """Let the writer find out that its files are gone, though nobody has anything to store.

    It keeps what was stored, which would end with the workers.
    """
    try:
        store.check()
    except StorageUnavailable:
        writer.submit(Entry())


def start(store: Store, writer: Writer, jobs: Jobs) -> None:
    """Expire sessions and do jobs for ever, in the background; neither holds up the other."""

    def expire() -> None:
        while sweep(store, writer) == AT_ONCE:
            pass

    repeat("expiry", expire)
    repeat("jobs", lambda: do_jobs(store, jobs))


def repeat(name: str, work: Callable[[], None]) -> None:
    """Do some work every second on a thread of its own, whatever comes of it."""

    def run() -> None:
        while True:
            time.sleep(EVERY_S)
            try:
                work()
            except StorageUnavailable as error:
                log.warning("%s: waiting, %s", name, error)
            except Exception:
                log.exception("%s: failed, and goes on", name)

    threading.Thread(target=run, name=name, daemon=True).start()


def do_jobs(store: Store, jobs: Jobs) -> None:
    """Do the jobs that are due, but for those that another worker does just now."""
    waiting = jobs.waiting()
    if "purge" not in {job.command for job in waiting}:
        jobs.put(Job("purge", now_ms() + PURGE_EVERY_MS))
    for job in waiting:
        if job.due_ms <= now_ms():
            with store.claim(f"job:{job.command}") as mine:
                if mine and job in jobs.waiting():
                    _do(jobs, job)


def _do(jobs: Jobs, job: Job) -> None:
    """Run a job to its end; one that is killed or fails is done again."""
    began = now_ms()
    status = run_apart(job.command, "--quiet").wait()
    if status == 0:
        jobs.done(job)
    else:
        log.error("tryon %s ended with %s, and is run again later", job.command, status)
        # What fails again and again after long work must not be all that this machine does.
        pause = max(AGAIN_AFTER_MS, 10 * (now_ms() - began))
        jobs.put(Job(job.command, now_ms() + pause))

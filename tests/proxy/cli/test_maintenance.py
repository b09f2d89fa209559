"""What the commands that mend the database say."""

import sqlite3
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from proxy.cli import cli
from proxy.cli.context import printable
from storage.events import Entry, Receipt
from storage.sqlite.maintenance import SQLiteMaintenance
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, callback, click, created, launch, moment

AT = moment("2026-11-24T12:00")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A shop with a click whose callback had a word that no mapping knew."""
    path, a = tmp_path / "shop.db", attempt_id(AT)
    body = f'{{"session_id": "s-{a}", "state": "weird"}}'.encode()
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store:
        store.commit(
            [
                Entry((click(a), created(a, AT + 200), launch(a, AT + 900))),
                Entry(
                    (callback(a, AT + 9_000, "weird"),),
                    Receipt(a, AT + 9_000, {}, body, "accepted"),
                ),
            ]
        )
    return {
        "TRYON_API_TOKEN": "a-token",
        "TRYON_API_URL": "https://vendor.example/v1",
        "TRYON_PUBLIC_URL": "https://shop.example",
        "TRYON_SECRET_KEY": "0123456789abcdef" * 2,
        "TRYON_DATABASE": f"sqlite:///{path}",
    }


def run(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environ)


def test_a_damaged_file_is_told_before_anything_is_counted(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SQLiteMaintenance, "integrity", lambda _: ["row 3 is missing"])
    found = run(environ, "verify")
    assert (found.exit_code, found.stdout) == (1, "file: row 3 is missing\n")
    assert "damaged: the file is not sound; restore with `tryon restore FILE`" in found.stderr


def test_each_difference_is_told_and_all_are_counted(environ: dict[str, str]) -> None:
    with closing(sqlite3.connect(environ["TRYON_DATABASE"][10:])) as db, db:
        db.execute("UPDATE totals_day SET clicks = 7")
    found = run(environ, "verify")
    assert "totals_day (2026-11-24, phone, qr, en, ) clicks: stored 7, counted 1" in found.stdout
    assert "Error: 1 differences; `tryon rebuild` puts the figures right" in found.stderr


def test_a_rebuild_says_what_it_did(environ: dict[str, str]) -> None:
    assert run(environ, "rebuild").stdout == "Attempts and totals are what the events give.\n"


def test_a_replay_reads_callbacks_by_the_mapping_of_now(environ: dict[str, str]) -> None:
    assert run(environ, "replay").stdout == "0 callbacks say something else now.\n"
    with closing(SQLiteStore(Path(environ["TRYON_DATABASE"][10:]), ZoneInfo("UTC"))) as store:
        store.map_word("weird", "failed", AT)
    assert run(environ, "replay").stdout == "1 callbacks say something else now.\n"
    again = run(environ, "replay", "--quiet")
    assert (again.exit_code, again.output) == (0, "")


def test_a_replay_reads_what_could_not_be_read_when_it_came(environ: dict[str, str]) -> None:
    b = attempt_id(AT, 7)
    body = f'{{"type": "session.completed", "data": {{"id": "s-{b}"}}}}'.encode()
    refused = Receipt(b, AT + 9_000, {}, body, "unreadable", "no_session_id")
    with closing(SQLiteStore(Path(environ["TRYON_DATABASE"][10:]), ZoneInfo("UTC"))) as store:
        store.commit([Entry((click(b), created(b, AT + 200))), Entry(receipt=refused)])
        assert run(environ, "replay").stdout == "1 callbacks say something else now.\n"
        attempt = store.attempt(b)
        assert attempt is not None
        assert (attempt.outcome, attempt.reason) == ("completed", "session.completed")


def test_what_would_move_the_cursor_is_replaced() -> None:
    assert printable("\x1b[2Ja\u202eb\n") == "\ufffd[2Ja\ufffdb\ufffd"
    assert printable("Größe 42") == "Größe 42"


def test_every_setting_that_is_wrong_is_on_a_line_of_its_own(environ: dict[str, str]) -> None:
    found = run(environ | {"TRYON_WORKERS": "many", "TRYON_RETENTION_DAYS": "0.5"}, "verify")
    assert (found.exit_code, found.stdout) == (1, "")
    lines = found.stderr.removeprefix("Error: ").splitlines()
    assert sorted(line.split()[0] for line in lines) == ["TRYON_RETENTION_DAYS", "TRYON_WORKERS"]

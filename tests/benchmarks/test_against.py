"""A commit's version beside today's, in the tables and in the verdict."""

import operator
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import contenders, report
from benchmarks.__main__ import main
from benchmarks.processes import Contender

THEN = contenders.Version("this app at 1234567", Path("/then"), Path("/packages/bin/python"))


def test_a_commit_that_does_not_exist_is_named_and_nothing_runs() -> None:
    done = CliRunner().invoke(main, ["callbacks", "--against", "no-such-commit"])
    assert done.exit_code == 2
    assert "git knows no commit 'no-such-commit'" in done.output


@pytest.mark.parametrize("table", [contenders.for_sessions, contenders.for_callbacks])
def test_a_commit_takes_part_with_its_own_tree_python_and_database(
    tmp_path: Path, table: Callable[[contenders.Bench], list[Contender]]
) -> None:
    today, then, *peers = table(contenders.Bench(1, tmp_path, THEN))
    assert (today.name, then.name) == (contenders.OURS, THEN.name)
    assert then.command[0] == "/packages/bin/gunicorn"
    assert "/then/gunicorn.conf.py" in then.command
    assert then.environ["PYTHONPATH"] == "/then"
    assert then.environ["TRYON_DATABASE"] != today.environ["TRYON_DATABASE"]
    assert str(contenders.ROOT) not in " ".join((*then.command, *then.environ.values()))
    assert [one.ours for one in (today, then, *peers)] == [True, True] + [False] * len(peers)


def test_without_a_commit_only_today_takes_part(tmp_path: Path) -> None:
    found = contenders.for_sessions(contenders.Bench(1, tmp_path))
    assert [one.name for one in found if one.ours] == [contenders.OURS]


@pytest.mark.parametrize(
    ("then", "today", "better", "word"),
    [
        ([110, 220], [100, 200], operator.gt, "SLOWER beyond the spread (by chance once in 4 "),
        ([110, 220], [100, 200], operator.lt, "faster beyond the spread"),
        ([110, 190], [100, 200], operator.gt, "not slower beyond the spread"),
        ([100, 220], [100, 200], operator.gt, "not slower beyond the spread"),
        ([110], [100], operator.gt, "not to be judged"),
    ],
)
def test_slower_is_what_is_slower_in_every_round(
    capsys: pytest.CaptureFixture[str],
    then: list[float],
    today: list[float],
    better: Callable[[float, float], bool],
    word: str,
) -> None:
    report.verdict("callbacks/s", THEN.name, then, today, better=better)
    assert f"Today's version is {word}" in capsys.readouterr().out

"""Files that earlier releases served are kept, within bounds, and never stop a start."""

import os
from pathlib import Path

import pytest

from proxy.web.archive import Archive, digest


def hashed(body: bytes) -> str:
    return f"button.{digest(body)}.js"


def test_what_one_start_kept_the_next_one_finds(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    Archive(folder).keep({hashed(b"old"): b"old"})
    later = Archive(folder)
    later.keep({hashed(b"new"): b"new"})
    assert later.find(hashed(b"old")) == b"old"
    assert later.find(hashed(b"never")) is None


def test_of_too_many_the_oldest_go_and_what_is_in_use_stays(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    bodies = [str(number).encode() for number in range(600)]
    for age, body in enumerate(bodies):
        (tmp_path / hashed(body)).write_bytes(body)
        os.utime(tmp_path / hashed(body), (1_000 + age, 1_000 + age))
    archive.keep({hashed(bodies[0]): bodies[0]})
    assert len([*tmp_path.iterdir()]) == 500
    assert archive.find(hashed(bodies[0])) == bodies[0]
    assert archive.find(hashed(bodies[1])) is None
    assert archive.find(hashed(bodies[599])) == bodies[599]


def test_a_file_that_was_cut_off_is_written_anew(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    (tmp_path / hashed(b"whole")).write_bytes(b"who")
    assert archive.find(hashed(b"whole")) is None
    archive.keep({hashed(b"whole"): b"whole"})
    assert archive.find(hashed(b"whole")) == b"whole"


def test_where_nothing_can_be_kept_it_is_said_and_that_is_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "static").write_text("in the folder's place")
    Archive(tmp_path / "static").keep({hashed(b"x"): b"x"})
    assert "are not kept" in caplog.text


@pytest.mark.parametrize("name", ["../secret.000000000000.js", "secret", "/etc/passwd", ""])
def test_it_gives_nothing_but_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    assert Archive(tmp_path / "static").find(name) is None

"""A system of which nothing can be written but the data folder and /dev/shm."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import Shop, Vendor, free_port, unique

# In namespaces of its own: every mount becomes read-only, but for the data folder and /dev/shm.
READ_ONLY = """
set -e
mount --make-rprivate /
[ -z "$1" ] || mount --bind "$1" "$1"
while read -r _ place _; do
    case "$place" in
        "$1" | /dev/shm | /proc* | /sys*) ;;
        *) mount -o remount,bind,ro "$place" 2>/dev/null || true ;;
    esac
done < /proc/self/mounts
shift
exec "$@"
"""
APART = ("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", READ_ONLY, "read-only")


def can_be_set_apart() -> bool:
    try:
        return (
            subprocess.run([*APART, "", "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not can_be_set_apart(), reason="user and mount namespaces are not allowed here"
)


@contextmanager
def read_only_shop(folder: Path, vendor: Vendor, writable: str) -> Iterator[Shop]:
    shop = Shop(folder, vendor.url, free_port())
    shop.within = (*APART, writable)
    try:
        yield shop
    finally:
        if shop.process.poll() is None:
            shop.stop()


@pytest.mark.slow
def test_it_runs_where_only_the_data_folder_can_be_written(tmp_path: Path, vendor: Vendor) -> None:
    with read_only_shop(tmp_path, vendor, str(tmp_path)) as shop:
        shop.start()
        product_id = unique()
        session = shop.click(product_id).json()
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert shop.state(session) == "completed"
        for command in (["doctor"], ["verify"], ["backup", str(tmp_path / "copy.db")]):
            found = shop.command(*command)
            assert found.returncode == 0, found.stdout + found.stderr
        assert "Traceback" not in shop.logged()


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, vendor: Vendor) -> None:
    with read_only_shop(tmp_path, vendor, "") as shop:
        with pytest.raises(AssertionError):
            shop.start()
        assert shop.process.wait(30) != 0
        assert f"Must be writable: {tmp_path} (TRYON_DATABASE)" in shop.logged()
        assert "Traceback" not in shop.logged()
        found = shop.command("doctor")
        assert found.returncode == 1
        assert "✗ folders: not writable" in found.stdout
        assert "Traceback" not in found.stderr

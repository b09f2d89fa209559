"""Reports as SQL files: each can be pasted into a shell, with its :parameters set."""

from functools import cache
from pathlib import Path


@cache
def query(name: str) -> str:
    """The text of `<name>.sql`."""
    return (Path(__file__).parent / f"{name}.sql").read_text()

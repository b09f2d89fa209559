"""Exports in a real spreadsheet: LibreOffice Calc runs no cell of ours, whatever separates them."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from proxy.numbers.exports import lines

SEPARATORS = {",": 44, ";": 59, "\t": 9, "|": 124, " ": 32, ":": 58}
SUM = "1000+337"  # which is in no cell, but in that of a formula that was run
HOSTILE = [
    f"{before}{sign}{SUM}"
    for sign in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    for before in (
        "", " ", "\t", "\u3000", "\u200b", "\ufeff", '"', "a\n", "a\r",
        *(f"a{separator}{more}" for separator in SEPARATORS for more in ("", " ", '"', "\t")),
    )
]  # fmt: skip


def opened(folder: Path, text: str, separator: str) -> str:
    """All cells as Calc shows them."""
    (folder / "export.csv").write_text(text, "utf-8", newline="")
    command = ["soffice", f"-env:UserInstallation={folder.as_uri()}/profile", "--headless"]
    # The separator, the quote, UTF-8, from the first line on.
    command += [f"--infilter=CSV:{SEPARATORS[separator]},34,76,1", "--convert-to"]
    command += ["csv:Text - txt - csv (StarCalc):44,34,76,1", "--outdir", str(folder / "out")]
    subprocess.run([*command, "export.csv"], cwd=folder, check=True, capture_output=True)
    return (folder / "out" / "export.csv").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("soffice"), reason="soffice (libreoffice-calc) is not installed"
)
@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_spreadsheet_runs_no_cell_of_an_export(tmp_path: Path, separator: str) -> None:
    unguarded = f"a{separator}={SUM}{separator}b\r\n"
    assert "1337" in opened(tmp_path, unguarded, separator)
    shown = opened(
        tmp_path, lines([(f"row {n}", cell, "x") for n, cell in enumerate(HOSTILE)]), separator
    )
    assert shown.count(SUM) == len(HOSTILE)
    assert "1337" not in shown
    assert len([*csv.reader(shown.splitlines())]) >= len(HOSTILE)

"""The packages as `make integrations` makes them."""

import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT

WOOCOMMERCE = "woocommerce/try-on-button.zip"
SHOPIFY = "shopify/try-on-button.zip"


def made(folder: Path) -> Path:
    """The folder, with the packages in it."""
    subprocess.run([sys.executable, "-m", "integrations", str(folder)], cwd=ROOT, check=True)
    return folder

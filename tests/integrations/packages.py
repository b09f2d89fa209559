"""The packages as `make integrations` makes them."""

import re
import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT, Shop

WOOCOMMERCE = "woocommerce/try-on-button.zip"
SHOPIFY = "shopify/try-on-button.zip"


def made(folder: Path) -> Path:
    """The folder, with the packages in it."""
    subprocess.run([sys.executable, "-m", "integrations", str(folder)], cwd=ROOT, check=True)
    return folder


def finds_the_settings_well(shop: Shop) -> bool:
    """Whether the doctor has a good word on both settings that bring a feed to a button."""
    found = shop.command("doctor")
    (well,) = re.findall("✓ well: (.*)", " ".join(found.stdout.split()))
    return found.returncode == 0 and {"catalogue", "shop's pages"} <= {*well.split(", ")}

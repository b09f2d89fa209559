"""The packages as `make integrations` makes them."""

import json
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


def settings_are_well(shop: Shop, catalogue: str) -> None:
    """The doctor has a good word on both settings that bring a feed to a button."""
    said = " ".join(shop.command("doctor", "--json").stdout.split())
    checks = {check["name"]: check for check in json.loads(said)["checks"]}
    assert checks["shop's pages"]["ok"], said
    assert checks["catalogue"]["ok"] is not False, said
    assert checks["catalogue"]["found"].startswith(catalogue), said

"""`tryon demo-data`: made-up history that adds up."""

import json
from pathlib import Path
from typing import Any

from tests.cli.terminal import told
from tests.servers import Shop, eventually, free_port


def test_demo_data_fill_an_empty_database_alone_and_add_up(shop: Shop, tmp_path: Path) -> None:
    assert "--force" in told(shop, "demo-data", status=1)
    fresh = Shop(tmp_path / "fresh", shop.environ["TRYON_API_URL"].removesuffix("/v1"), free_port())
    fresh.folder.mkdir()
    assert "clicks" in told(fresh, "demo-data", "--days", "40")
    found: dict[str, Any] = json.loads(told(fresh, "stats", "--json"))
    totals = found["totals"]
    assert totals["impressions"] > totals["clicks"] > totals["created"] > totals["opened"]
    assert totals["opened"] > totals["completed"] > 100
    assert "agrees" in told(fresh, "verify")
    eventually(lambda: "P50" in told(fresh, "forecast"))
    assert json.loads(told(fresh, "forecast", "--json"))["next_month"]["p50"] > 0

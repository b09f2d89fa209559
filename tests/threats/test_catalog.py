"""A catalogue by URL that fails: nothing is let in that is not known, and what is known stays."""

from pathlib import Path

from tests.feedserver import running_feed, status
from tests.routes.dashboard.merchant import log_in
from tests.servers import ALONE, Vendor, eventually, http, running_shop, unique


def test_a_failing_url_lets_nobody_in_and_takes_nothing_away(
    tmp_path: Path, vendor: Vendor
) -> None:
    known, unknown = unique(), unique()
    feed = f"product_id,category\n{known},footwear\n".encode()
    with running_feed() as server:
        settings = {"TRYON_CATALOG": f"{server.url}/feed?canary", "TRYON_CATALOG_REFRESH": "1s"}
        with running_shop(tmp_path, vendor, **ALONE, **settings) as shop:

            def part() -> str:
                answer = http().get(f"{shop.url}/readyz")
                assert answer.status_code == 200
                return str(answer.json()["parts"]["catalogue"])

            refused = shop.click(known)
            assert (refused.status_code, refused.json()["code"]) == (503, "catalog_unavailable")
            assert http().get(f"{shop.url}/t/{known}").status_code == 503
            eventually(lambda: "no products yet: its server answered 503" in part())
            server.answer = status(200, feed)
            eventually(lambda: shop.click(known).status_code == 201)
            assert part() == "ok"
            server.answer = status(200, b"<html>Log in</html>")
            eventually(lambda: "it is an HTML page, perhaps of a login" in part())
            assert "the products are 0 min old" in part()
            page = log_in(shop).get(f"{shop.url}/dashboard/").text
            assert "The catalogue: it fails since 0 min (it is an HTML page" in page
            assert shop.click(known).status_code == 201
            assert shop.click(unknown).status_code == 400
            assert vendor.calls(unknown) == 0
            shop.kill()
            server.shutdown()
            server.server_close()  # nobody answers any more
            shop.start()  # with the copy that there is
            assert shop.click(known).status_code == 201
            assert "canary" not in shop.logged()

"""`/healthz`, `/readyz`, `/metrics` and `/openapi.json`: for who runs the app."""

from collections.abc import Iterator

import pytest

from tests.servers import (
    METRICS_TOKEN,
    Shop,
    Vendor,
    eventually,
    running_shop,
    unique,
)
from tests.wire import at_once, click_of, http, post


def test_it_is_alive_and_ready(shop: Shop) -> None:
    assert http().get(f"{shop.url}/healthz").json() == {"status": "ok"}
    answer = http().get(f"{shop.url}/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"]) >= {"database", "disk", "upstream", "token"}
    assert set(answer.json()["parts"].values()) == {"ok"}


# --- Figures --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop whose figures nobody may read."""
    folder = tmp_path_factory.mktemp("secretive")
    with running_shop(folder, vendor, TRYON_METRICS_TOKEN="") as shop:
        yield shop


def figures(shop: Shop) -> dict[str, float]:
    answer = http().get(f"{shop.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize(
    "authorization",
    [None, "", METRICS_TOKEN, "Bearer", "Bearer ", f"Bearer {METRICS_TOKEN}x", "Bearer \xff\xfe",
     f"bearer{METRICS_TOKEN}", f"Basic {METRICS_TOKEN}", f"Bearer {METRICS_TOKEN[:-1]}"],
)  # fmt: skip
def test_figures_are_for_the_bearer_of_the_token(shop: Shop, authorization: str | None) -> None:
    header = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    answer = http().get(f"{shop.url}/metrics", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "tryon_" not in answer.text


def test_metrics_name_the_scheme_that_opens_them(shop: Shop) -> None:
    answer = shop.http.get(f"{shop.url}/metrics")
    assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer")


def test_without_a_token_there_are_no_figures(secretive: Shop) -> None:
    for authorization in ("Bearer ", f"Bearer {METRICS_TOKEN}", "Bearer None"):
        answer = http().get(f"{secretive.url}/metrics", headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_figures_are_the_sum_over_all_workers(quiet_shop: Shop, vendor: Vendor) -> None:
    shop = quiet_shop
    before = figures(shop)
    product_id = unique()
    answers = at_once(24, lambda _: post(shop, "/sessions", click_of(product_id)))
    assert {answer.status_code for answer in answers} == {201}
    at_once(10, lambda _: http().get(f"{shop.url}/sessions/{'A' * 22}"))
    vendor.call_back(product_id, manner="duplicate")
    after = figures(shop)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    created = 'tryon_requests_total{method="POST",route="/sessions",status="201"}'
    assert grown(created) == 24
    assert grown('tryon_problems_total{code="not_found"}') == 10
    assert grown('tryon_callbacks_total{verdict="accepted"}') == 1
    assert grown('tryon_callbacks_total{verdict="duplicate"}') == 4
    assert after["tryon_breaker_open"] == 0


def test_methods_that_clients_make_up_do_not_grow_the_figures(quiet_shop: Shop) -> None:
    shop = quiet_shop
    http().request("BREW", f"{shop.url}/healthz")
    figures(shop)  # asking for them adds its own, the first time
    before = len(figures(shop))
    for number in range(20):
        http().request(f"BREW{number}", f"{shop.url}/healthz")
    assert len(figures(shop)) == before


def test_open_streams_are_counted_while_they_are_open(quiet_shop: Shop) -> None:
    shop = quiet_shop  # in the other, streams whose clients have gone end at their next heartbeat
    session = shop.click(unique()).json()
    before = figures(shop)["tryon_open_streams"]
    streams = [http().get(session["events_url"], stream=True) for _ in range(6)]
    eventually(lambda: figures(shop)["tryon_open_streams"] > before)
    for stream in streams:
        stream.close()
    shop.http.post(session["status_url"] + "/cancel")  # what is sent meets a closed connection
    eventually(lambda: figures(shop)["tryon_open_streams"] <= before)


# --- Its description ------------------------------------------------------------------------------


def test_the_description_is_found_unchanged_by_its_etag(shop: Shop) -> None:
    first = shop.http.get(f"{shop.url}/openapi.json")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.json()["servers"] == [{"url": shop.url}]
    headers = {"If-None-Match": first.headers["ETag"]}
    assert shop.http.get(f"{shop.url}/openapi.json", headers=headers).status_code == 304

"""`/healthz`, `/readyz`, `/metrics` and `/openapi.json`: for who runs the app."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.routes.dashboard import VERDICTS
from proxy.web.problems import PROBLEMS
from tests.servers import (
    ALONE,
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
    with running_shop(folder, vendor, **ALONE, TRYON_METRICS_TOKEN="") as shop:
        yield shop


def exposition(shop: Shop) -> str:
    answer = http().get(f"{shop.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return answer.text


def figures(shop: Shop) -> dict[str, float]:
    lines = [line for line in exposition(shop).splitlines() if not line.startswith("#")]
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


def test_what_has_not_happened_yet_is_zero(shop: Shop) -> None:
    found = figures(shop)
    assert found['tryon_problems_total{code="internal"}'] == 0
    assert {f'tryon_problems_total{{code="{code}"}}' for code in PROBLEMS} <= found.keys()
    assert {f'tryon_callbacks_total{{verdict="{verdict}"}}' for verdict in VERDICTS} <= found.keys()


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


def test_prometheus_can_read_the_figures(shop: Shop) -> None:
    shop.click(unique())
    read = {each.name: each for each in text_string_to_metric_families(exposition(shop))}
    kinds = {name: each.type for name, each in read.items()}
    assert kinds == {
        "tryon_requests": "counter",
        "tryon_request_seconds": "histogram",
        "tryon_problems": "counter",
        "tryon_callbacks": "counter",
        "tryon_upstream_seconds": "histogram",
        "tryon_open_streams": "gauge",
        "tryon_breaker_open": "gauge",
        "tryon_token_refused": "gauge",
        "tryon_budget_spent_ratio": "gauge",
    }
    assert all(each.documentation for each in read.values())
    vendor = [
        each for each in read["tryon_upstream_seconds"].samples if each.labels["outcome"] == "ok"
    ]
    buckets = {each.labels["le"]: each.value for each in vendor if "le" in each.labels}
    assert [*buckets] == ["0.05", "0.1", "0.2", "0.4", "0.8", "1.6", "3.2", "8.0", "16.0", "+Inf"]
    assert sorted(buckets.values()) == [*buckets.values()]
    rest = {each.name: each.value for each in vendor if "le" not in each.labels}
    assert rest["tryon_upstream_seconds_count"] == buckets["+Inf"] >= 1
    assert 0 < rest["tryon_upstream_seconds_sum"] < 16 * buckets["+Inf"]


def test_figures_outlive_the_workers_that_counted_them_and_are_in_no_file(
    tmp_path: Path, vendor: Vendor
) -> None:
    temporary, theirs = tmp_path / "temporary", tmp_path / "theirs"
    temporary.mkdir()
    theirs.mkdir()
    (theirs / "precious").touch()
    places = {"TMPDIR": str(temporary), "PROMETHEUS_MULTIPROC_DIR": str(theirs)}
    with running_shop(tmp_path, vendor, **places) as shop:
        session = shop.click(unique()).json()
        streams = [http().get(session["events_url"], stream=True) for _ in range(4)]
        eventually(lambda: figures(shop)["tryon_open_streams"] == 4)
        before = figures(shop)
        for pid in (workers := shop.workers()):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(shop.workers()) - {*workers}) == 2)
        after = eventually(lambda: figures(shop))
        assert after["tryon_open_streams"] == 0
        assert after["tryon_breaker_open"] == 0
        totals = re.compile("tryon_.*(_total|_bucket|_count|_sum)")
        assert not [name for name in before if totals.match(name) and after[name] < before[name]]
        mapped = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in shop.workers())
        shared = {line.split(maxsplit=5)[5] for line in mapped.splitlines() if " rw-s " in line}
        assert {name for name in shared if not name.startswith(f"{shop.database}")} == {
            "/dev/zero (deleted)"  # memory that has no name
        }
        for stream in streams:
            stream.close()
        assert not [*temporary.iterdir()]
        shop.stop()
    assert [each.name for each in theirs.iterdir()] == ["precious"]


# --- Its description ------------------------------------------------------------------------------


def test_the_description_is_found_unchanged_by_its_etag(shop: Shop) -> None:
    first = shop.http.get(f"{shop.url}/openapi.json")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.json()["servers"] == [{"url": shop.url}]
    headers = {"If-None-Match": first.headers["ETag"]}
    assert shop.http.get(f"{shop.url}/openapi.json", headers=headers).status_code == 304

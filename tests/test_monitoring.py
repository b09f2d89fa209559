"""Rules, dashboard and service levels are about figures that `/metrics` has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import METRICS_TOKEN, ROOT, Shop, Vendor, eventually, free_port, http, unique

RULES = ROOT / "deploy/prometheus"
ALERTING = yaml.safe_load((RULES / "rules.yml").read_text())["groups"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
LEVELS = (ROOT / "docs/service-levels.md").read_text()
RECORDED = {rule["record"] for group in ALERTING for rule in group["rules"] if "record" in rule}
ALERTS = {rule["alert"]: rule for group in ALERTING for rule in group["rules"] if "alert" in rule}
SHOWN = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
(QUERIES,) = re.findall(r"^```promql\n(.*?)^```", LEVELS, re.M | re.S)
TOLD = re.split(r"^# .*\n", QUERIES, flags=re.M)[1:]
ASKED = [*SHOWN, *TOLD, *(rule["expr"] for group in ALERTING for rule in group["rules"])]
OF_PROMETHEUS = {"job", "instance"}  # labels of its own

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (Debian's prometheus)"
)


@pytest.fixture(scope="module")
def exposition(shop: Shop, vendor: Vendor) -> str:
    """What `/metrics` says after a try-on from its click to its callback."""
    product_id = unique()
    session = shop.click(product_id).json()
    shop.launch(session["launch_url"])
    vendor.call_back(product_id, state="completed")
    with_token = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    return str(shop.http.get(f"{shop.url}/metrics", headers=with_token).text)


@pytest.fixture(scope="module")
def series(exposition: str) -> dict[str, dict[str, set[str]]]:
    """The values of each label, by the name of the series."""
    found: dict[str, dict[str, set[str]]] = {
        "tryon_budget_spent_ratio": {"budget": {"daily", "monthly"}}  # with a budget alone
    }
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The series that an expression asks for, each with its labels: name, operator, value."""
    for name, _, inside in re.findall(r"\b(tryon[_:][\w:]*|up)\b(\{([^}]*)\})?", expression):
        yield name, re.findall(r'(\w+)\s*(=~|=)\s*"([^"]*)"', inside)


@pytest.mark.parametrize("expression", ASKED, ids=range(len(ASKED)))
def test_every_figure_that_is_asked_for_is_there(
    series: dict[str, dict[str, set[str]]], expression: str
) -> None:
    asked = [*selectors(expression)]
    assert asked
    for name, labels in asked:
        assert name in RECORDED | series.keys() | {"up"}, name
        for label, operator, value in labels:
            if label in OF_PROMETHEUS or label == "status":
                continue
            pattern = value if operator == "=~" else re.escape(value)
            matched = [each for each in series[name][label] if re.fullmatch(pattern, each)]
            assert len(matched) == len(value.split("|")), (name, label, value)
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        known = set().union(*(series[name] for name, _ in asked if name in series))
        assert {*labels.split(", ")} <= known | OF_PROMETHEUS


def test_the_dashboard_has_a_place_for_every_figure() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken = set[tuple[int, int]]()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_each_alert_is_tried_and_says_what_to_do() -> None:
    tried = "".join(path.read_text() for path in RULES.glob("tests*.yml"))
    for name, alert in ALERTS.items():
        assert re.search(rf"alertname: {name}\n +eval_time: \w+\n +exp_alerts:\n", tried), name
        assert f"`{name}`" in LEVELS, name
        assert alert["annotations"].keys() == {"summary", "action"}
        assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_arithmetic_of_the_burn_rates_is_right() -> None:
    rows = re.findall(
        r"^\| ([\d.]+) \| (\d+) h \| \d+ [mh] \| ([\d.]+) % \| (\d+) % \| (\d+) h \|", LEVELS, re.M
    )
    assert len(rows) == 3
    rules = (RULES / "rules.yml").read_text()
    for rate, window, failing, spent, until in rows:
        assert float(rate) * int(window) / 720 == pytest.approx(int(spent) / 100)
        assert float(rate) * 0.5 == pytest.approx(float(failing))
        assert float(rate) * int(until) == pytest.approx(720)
        ratio = f"ratio{window}h".replace("72h", "3d")
        assert f"tryon:click_failures:{ratio} > {rate} * 0.005".replace(" 1 *", "") in rules


def promtool(*arguments: str, **options: Any) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=RULES, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_finds_nothing_wrong(exposition: str) -> None:
    promtool("check", "metrics", input=exposition)
    promtool("check", "rules", "rules.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")


@needs_promtool
@pytest.mark.slow
def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", *sorted(path.name for path in RULES.glob("tests*.yml")))


# --- A real Prometheus ----------------------------------------------------------------------------


@contextmanager
def prometheus(folder: Path, shop: Shop) -> Iterator[str]:
    """One with our rules that asks the shop every second; its address."""
    sample = yaml.safe_load((RULES / "prometheus.yml").read_text())
    (job,) = sample["scrape_configs"]
    (folder / "token").write_text(METRICS_TOKEN)
    job |= {"scrape_interval": "1s", "scheme": "http"}
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [shop.url.partition("//")[2]]}]
    sample |= {"rule_files": [str(RULES / "rules.yml")], "global": {"evaluation_interval": "1s"}}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(sample))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml"]
    command += [f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: _is_ready(f"http://{address}/-/ready"))
        yield f"http://{address}/api/v1"
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(address: str) -> bool:
    try:
        return http().get(address).status_code == 200
    except OSError:
        return False


def health(api: str) -> list[str]:
    """Of each rule: ok, unknown before it was first evaluated, or err."""
    return [rule["health"] for group in ask(api, "rules")["groups"] for rule in group["rules"]]


def ask(api: str, path: str, **parameters: str) -> Any:
    answer = http().get(f"{api}/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@needs_promtool
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
def test_a_real_prometheus_has_something_for_every_panel_and_evaluates_every_rule(
    tmp_path: Path, shop: Shop, vendor: Vendor
) -> None:
    def shows(expression: str) -> bool:
        ready = expression.replace("$job", "tryon").replace("$__rate_interval", "1m")
        shop.launch(shop.click(product_id := unique()).json()["launch_url"])
        vendor.call_back(product_id, state="completed")
        return bool(ask(api, "query", query=ready)["result"])

    with prometheus(tmp_path, shop) as api:
        for expression in SHOWN:
            if "budget" not in expression and "problems" not in expression:
                eventually(lambda: shows(expression))  # noqa: B023
        eventually(lambda: "unknown" not in health(api))
        assert health(api) == ["ok"] * (len(ALERTS) + len(RECORDED))

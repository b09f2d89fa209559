"""What the doctor finds, each check by itself; none of them needs a vendor."""

import json
import os
import re
import time
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import responses
from click.testing import CliRunner

from proxy.catalog import apart
from proxy.catalog.entries import NO_PARENT, NO_RULE, LeftOut
from proxy.catalog.reading import Reading
from proxy.cli import cli
from proxy.cli.doctor import Check, checks
from proxy.settings import load
from tests.feedserver import running_feed, status
from tests.siteverify import SECRET, running_service

SHOP = "https://shop.example/try-on"
VENDOR = "http://127.0.0.1:9/v1"  # where nothing listens


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "TRYON_API_TOKEN": "a-token",
        "TRYON_API_URL": VENDOR,
        "TRYON_PUBLIC_URL": SHOP,
        "TRYON_SECRET_KEY": "0123456789abcdef" * 2,
        "TRYON_ALLOW_HTTP": "1",
        "TRYON_DATABASE": f"sqlite:///{tmp_path}/shop.db",
    }


def found(environ: dict[str, str], name: str) -> Check:
    return next(check for check in checks(load(environ)) if check.name == name)


@pytest.mark.parametrize(("off", "ok"), [(0, True), (58, True), (-58, True), (63, False)])
def test_a_clock_may_be_a_minute_off(environ: dict[str, str], off: int, ok: bool) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        web.get(f"{SHOP}/healthz")
        web.get(VENDOR, status=404, headers={"Date": formatdate(time.time() - off, usegmt=True)})
        clock = found(environ, "clock")
    assert clock.ok is ok
    assert ("NTP" in clock.mend) is not ok
    said = (
        ["agrees with the vendor's"] if ok else ["63 s off the vendor's", "64 s off the vendor's"]
    )
    assert clock.found in said


@pytest.mark.parametrize(
    ("settings", "ok", "said"),
    [
        ({}, None, "none, and no catalogue"),
        ({"TRYON_DAILY_SESSIONS": "2000"}, True, "2,000 sessions a day"),
        ({"TRYON_CATALOG": "products.csv"}, True, "none, but only what is in the catalogue"),
    ],
)
def test_neither_budget_nor_catalogue_is_worth_a_warning(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str], ok: bool | None, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("products.csv").write_text("product_id,category\nsku-1,footwear\n")
    with responses.RequestsMock(assert_all_requests_are_fired=False):
        check = found(environ | settings, "budget")
    assert (check.ok, check.found) == (ok, said)
    assert ("TRYON_MONTHLY_SESSIONS" in check.mend) is (ok is None)


@pytest.mark.parametrize(
    "headers", [{}, {"Date": "soon"}, {"Date": f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"}]
)
def test_a_vendor_without_a_clock_is_no_hindrance(
    environ: dict[str, str], headers: dict[str, str]
) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        web.get(f"{SHOP}/healthz")
        web.get(VENDOR, headers=headers)
        clock = found(environ, "clock")
    assert (clock.ok, clock.mend) == (None, "")


@pytest.mark.parametrize(
    ("status", "headers", "ok"),
    [
        (200, {"X-Request-ID": "1"}, True),
        (200, {}, False),  # somebody else's server
        (404, {"X-Request-ID": "1"}, False),
        (302, {"X-Request-ID": "1", "Location": "https://elsewhere.example/"}, False),
    ],
)
def test_the_public_url_must_lead_to_this_app(
    environ: dict[str, str], status: int, headers: dict[str, str], ok: bool
) -> None:
    with responses.RequestsMock() as web:
        web.get(f"{SHOP}/healthz", status=status, headers=headers)
        check = found(environ, "public URL")
    assert check.ok is ok
    assert ok or (str(status) in check.found and "TRYON_PUBLIC_URL" in check.mend)


def test_an_app_that_is_not_running_is_no_hindrance(environ: dict[str, str]) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False):
        check = found(environ, "public URL")
    assert check.ok is None
    assert check.found == f"{SHOP}/healthz: ConnectionError"
    assert "not running yet" in check.mend


def test_the_doctor_sends_no_token_and_no_password(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine shop.example login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with responses.RequestsMock() as web:
        web.get(f"{SHOP}/healthz")
        found(environ, "public URL")
        assert "Authorization" not in web.calls[0].request.headers


@pytest.mark.parametrize(
    ("category", "ok", "says"),
    [
        ("footwear", True, "products, CSV: 1 products"),
        ("spoons", None, "products, CSV: 1 products; categories not supported: ['spoons']"),
    ],
)
def test_a_catalogue_with_a_strange_category_is_told(
    environ: dict[str, str], tmp_path: Path, category: str, ok: bool | None, says: str
) -> None:
    (tmp_path / "products.csv").write_text(f"product_id,category,title\nsku-1,{category},Boot\n")
    check = found(environ | {"TRYON_CATALOG": str(tmp_path / "products.csv")}, "catalogue")
    assert (check.ok, check.found) == (ok, says)
    assert ("TRYON_CATEGORIES" in check.mend) is (ok is None)


def test_what_cannot_be_tried_on_is_no_fault_of_a_catalogue(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """A shop's own feed has more than that, and the doctor was never content with it."""
    feed = tmp_path / "feed.csv"
    feed.write_text("id,title,product_type\nb-1,Boot,Shoes\nm-1,Mug,Kitchen\nm-2,Cup,Kitchen\n")
    rules = '{"footwear": {"product_type": "Shoes*"}}'
    environ |= {"TRYON_CATALOG": str(feed), "TRYON_CATALOG_RULES": rules}
    check, says = found(environ, "catalogue"), "Google Merchant Center, CSV: 1 products"
    assert (check.ok, check.found) == (True, f"{says}, 2 rows that no rule knows")
    feed.write_text(f"{feed.read_text()}<,Sandal,Shoes\n")
    check = found(environ, "catalogue")
    unruled = "2 rows that no rule knows"
    assert (check.ok, check.found) == (None, f"{says}, {unruled}, 1 rows left out")


def test_the_first_fault_is_told_rather_than_what_cannot_be_tried_on() -> None:
    reading = Reading("a feed", "utf-8")
    for line, reason in ((2, NO_RULE), (3, "wrong"), (4, NO_PARENT), (5, "wrong too")):
        reading.leave_out(LeftOut(line, "id", reason))
    assert [str(each) for each in reading.reasons] == ["line 3, id: wrong"]
    assert (reading.left_out, reading.unruled) == (4, 2)


def test_a_catalogue_is_not_needed(environ: dict[str, str]) -> None:
    check = found(environ, "catalogue")
    assert (check.ok, check.mend) == (None, "")


def test_a_catalogue_that_cannot_be_read_is_a_fault(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "products.csv").write_text("nothing,of,use\n1,2,3\n")
    check = found(environ | {"TRYON_CATALOG": str(tmp_path / "products.csv")}, "catalogue")
    assert check.ok is False
    assert "TRYON_CATALOG" in check.mend


def row(number: int) -> bytes:
    return b"sku-%d,footwear,%s\n" % (number, b"t" * 180)


def test_of_a_large_catalogue_the_beginning_is_read(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Its last row would be left out, and all of it takes a minute at half a million products."""
    feed = tmp_path / "products.csv"
    with feed.open("wb") as file:
        file.write(b"product_id,category,title\n")
        file.writelines(map(row, range(12_000)))
        file.write(b"<,footwear,\n")
    check = found(environ | {"TRYON_CATALOG": str(feed)}, "catalogue")
    assert check.ok is True
    products = int(re.findall("products, CSV: ([0-9,]+) products", check.found)[0].replace(",", ""))
    assert 10_000 < products < 11_000
    assert check.found.endswith("in its first 2 MiB")


def test_a_catalogue_by_url_that_never_ends_is_left_after_its_beginning(
    environ: dict[str, str],
) -> None:
    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"product_id,category,title\n")
        for number in count():
            handler.wfile.write(b"".join(map(row, range(1_000 * number, 1_000 * (number + 1)))))

    with running_feed() as server:
        server.answer = endless
        check = found(environ | {"TRYON_CATALOG": f"{server.url}/feed?canary"}, "catalogue")
        assert (check.ok, check.found[-18:]) == (True, "in its first 2 MiB")
        server.answer = status(200, b"<html>Log in</html>")
        check = found(environ | {"TRYON_CATALOG": f"{server.url}/feed?canary"}, "catalogue")
    assert check.ok is False
    assert check.found == f"{server.url}/feed: it is an HTML page, perhaps of a login, and no feed"


def test_a_catalogue_that_the_app_has_read_is_not_read_again(
    environ: dict[str, str], tmp_path: Path
) -> None:
    feed = tmp_path / "products.csv"
    feed.write_text("product_id,category\nsku-1,footwear\nsku-2,footwear\n")
    environ["TRYON_CATALOG"] = str(feed)
    before = feed.stat()
    apart.prepare(load(environ))
    feed.write_text("product_id,category\n".ljust(before.st_size))
    os.utime(feed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert found(environ, "catalogue").found == "products, CSV: 2 products"
    feed.touch()
    assert "there is no product in it" in found(environ, "catalogue").found


@pytest.mark.parametrize(("secret", "says"), [("", "documents no signature"), ("x", "required")])
def test_the_doctor_says_which_callbacks_are_believed(
    environ: dict[str, str], secret: str, says: str
) -> None:
    if secret:
        environ["TRYON_CALLBACK_SECRET"] = "whsec_" + 32 * "A"
    check = found(environ, "callbacks")
    assert check.ok
    assert says in check.found


@pytest.mark.parametrize(
    ("word", "ok", "says"),
    [
        ("wrong", True, "the service answers, and takes the secret"),
        ("secret", False, "the service fails: status 200, invalid-input-secret"),
        ("garbage", False, "the service fails: status 200, not_json"),
        ("ok", None, "the service takes any answer"),
    ],
)
def test_the_secret_of_a_challenge_is_tried(
    environ: dict[str, str], word: str, ok: bool | None, says: str
) -> None:
    with running_service() as service:
        service.word = word
        check = found(environ | service.settings, "challenge")
    assert (check.ok, check.found) == (ok, says)
    assert ("TRYON_CHALLENGE_SECRET" in check.mend) is not ok
    assert SECRET not in str(check)


def test_without_a_challenge_there_is_nothing_to_try(environ: dict[str, str]) -> None:
    assert "challenge" not in [check.name for check in checks(load(environ))]


def test_a_setting_that_nobody_reads_is_told(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_TOKN", "1")
    check = found(environ, "settings")
    assert check.ok is None
    assert "TRYON_TOKN" in check.found


def told(environ: dict[str, str], *options: str, status: int = 1) -> str:
    found = CliRunner().invoke(cli, ["doctor", *options], env=environ | {"COLUMNS": "120"})
    assert found.exit_code == status, found.output
    return found.stdout


def test_the_verdict_comes_first_and_what_is_well_last(environ: dict[str, str]) -> None:
    verdict, *lines = told(environ).splitlines()
    assert re.fullmatch(r"Not ready: 1 of \d+ checks failed\. \d are worth a thought\.", verdict)
    assert lines[0].startswith("✗ vendor: tcp: ")
    assert lines[1].startswith("  Check TRYON_API_URL and whether a firewall")
    marks = [line.partition(":")[0] for line in lines[2:] if line[0] in "✗!✓"]
    assert {"! budget", "! public URL"} <= {*marks[:-4]}  # which have a mend
    assert marks[-4:] == ["! database", "! catalogue", "! clock", "✓ well"]
    assert lines[-1] == "✓ well: folders, sqlite, callbacks, vendor: dns"


def test_the_doctor_makes_no_database(environ: dict[str, str], tmp_path: Path) -> None:
    assert f"! database: none yet: the first start makes {tmp_path}/shop.db" in "".join(
        told(environ).split("\n")
    )
    assert not [*tmp_path.iterdir()]


def test_the_doctor_tells_a_program_all_of_it(environ: dict[str, str]) -> None:
    found = json.loads(told(environ, "--json", "--settings"))
    assert (found["ready"], found["verdict"][:9]) == (False, "Not ready")
    assert {frozenset(check) for check in found["checks"]} == {
        frozenset({"name", "ok", "found", "mend"})
    }
    (sqlite,) = [check for check in found["checks"] if check["name"] == "sqlite"]
    assert sqlite["ok"] is True
    assert sqlite["found"].startswith("SQLite ")
    shown = {row["name"]: row["shown"] for row in found["settings"]}
    assert (shown["TRYON_API_URL"], shown["TRYON_API_TOKEN"]) == (VENDOR, "set")
    assert "settings" not in json.loads(told(environ, "--json"))


def test_settings_are_shown_where_they_are_asked_for(environ: dict[str, str]) -> None:
    assert "TRYON_RETENTION_DAYS" not in told(environ)
    shown = told(environ, "--settings")
    assert shown.index("Not ready") < shown.index("TRYON_RETENTION_DAYS")
    assert "a-token" not in shown


def test_without_a_token_this_machine_is_checked(environ: dict[str, str]) -> None:
    lines = told({"TRYON_DATABASE": environ["TRYON_DATABASE"]}).splitlines()
    assert lines[0].startswith("Not ready: 3 of ")
    names = [line.split()[2] for line in lines[1:] if line.startswith("✗ settings: ")]
    assert names == ["TRYON_API_TOKEN", "TRYON_PUBLIC_URL", "TRYON_SECRET_KEY"]
    assert lines[-1] == "✓ well: folders, sqlite"


def test_without_settings_the_doctor_names_each_problem(environ: dict[str, str]) -> None:
    shown = told(environ | {"TRYON_API_TOKEN": "", "TRYON_WORKERS": "[many]"})
    assert "✗ settings: TRYON_API_TOKEN is not set" in shown
    assert "✗ settings: TRYON_WORKERS " in shown
    assert "database" not in shown

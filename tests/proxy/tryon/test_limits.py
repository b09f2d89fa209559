"""Rates and budgets: exact, by the shop's own days, and fair to who shares an address."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.refusals import Refusal
from proxy.settings import load
from proxy.tryon import limits
from proxy.tryon.limits import Limits
from storage.sqlite.connection import connect
from storage.sqlite.counters import SQLiteCounters

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


class Clock:
    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms


class Created:
    """A store that knows how many sessions were created since each day."""

    def __init__(self, **since: int) -> None:
        self.since = {day.replace("_", "-").strip("-"): count for day, count in since.items()}

    def created_since(self, day: str) -> int:
        return self.since.get(day, 0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(ms("2026-11-24T12:00"))
    monkeypatch.setattr(limits, "now_ms", clock)
    return clock


Build = Callable[..., Limits]


@pytest.fixture
def build(tmp_path: Path, clock: Clock) -> Build:
    counters = SQLiteCounters(tmp_path / "counters")

    def build(created: Created | None = None, **settings: str) -> Limits:
        environ = {
            "TRYON_API_TOKEN": "a-token-for-tests",
            "TRYON_PUBLIC_URL": "https://tryon.shop.example",
            "TRYON_SECRET_KEY": "k" * 40,
            "TRYON_TIMEZONE": "Europe/Berlin",
        }
        return Limits(load(environ | settings), counters, created or Created())  # type: ignore[arg-type]

    return build


def admitted(admit: Callable[[], object], tries: int) -> int:
    passed = 0
    for _ in range(tries):
        try:
            admit()
            passed += 1
        except Refusal:
            pass
    return passed


def refusal(admit: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        admit()
    return caught.value


def test_a_client_has_its_rate_and_not_one_more(build: Build, clock: Clock) -> None:
    limits = build(TRYON_CLIENT_RATE="5/minute")
    assert admitted(lambda: limits.admit_session("192.0.2.1"), 8) == 5
    assert admitted(lambda: limits.admit_session("192.0.2.2"), 8) == 5
    problem = refusal(lambda: limits.admit_session("192.0.2.1"))
    assert (problem.code, problem.wait_s) == ("rate_limited", 60)
    clock.at_ms += 60_000
    assert admitted(lambda: limits.admit_session("192.0.2.1"), 8) == 5


def test_a_clock_that_was_set_back_locks_nobody_out(build: Build, clock: Clock) -> None:
    limits = build(TRYON_CLIENT_RATE="2/minute")
    right = clock.at_ms
    clock.at_ms = right + 30 * 86_400_000
    assert admitted(lambda: limits.admit_session("192.0.2.1"), 5) == 2
    clock.at_ms = right
    assert admitted(lambda: limits.admit_session("192.0.2.1"), 5) == 2
    assert refusal(lambda: limits.admit_session("192.0.2.1")).wait_s == 60


def test_an_ipv6_network_counts_as_one_client(build: Build) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    network = iter(range(100))
    assert admitted(lambda: limits.admit_session(f"2001:db8:0:1::{next(network):x}"), 10) == 3
    assert admitted(lambda: limits.admit_session("2001:db8:0:2::1"), 10) == 3


def test_ipv4_clients_stay_apart_where_the_server_listens_on_ipv6(build: Build) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    assert admitted(lambda: limits.admit_session("::ffff:192.0.2.1"), 10) == 3
    assert admitted(lambda: limits.admit_session("::ffff:192.0.2.2"), 10) == 3


@pytest.mark.parametrize("client", ["192.0.2.1:{}", "[2001:db8::1]:{}"])
def test_a_port_that_a_proxy_wrote_makes_no_new_client(build: Build, client: str) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    ports = iter(range(1024, 65536))
    assert admitted(lambda: limits.admit_session(client.format(next(ports))), 10) == 3


@pytest.mark.parametrize("client", ["", "unknown", "192.0.2.1:5555", "é" * 1000, "fe80::1%eth0"])
def test_an_odd_address_is_limited_too(build: Build, client: str) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    assert admitted(lambda: limits.admit_session(client), 10) == 3


def test_no_address_is_kept(build: Build, tmp_path: Path) -> None:
    build().admit_session("192.0.2.77")
    for path in tmp_path.iterdir():
        assert b"192.0.2.77" not in path.read_bytes()


def test_clients_of_another_day_leave_nothing(build: Build, clock: Clock, tmp_path: Path) -> None:
    limits = build(TRYON_CLIENT_RATE="3/minute")
    for number in range(50):
        limits.admit_session(f"192.0.2.{number}")
    clock.at_ms = ms("2026-11-25T12:00")
    limits.admit_session("192.0.2.1")
    with closing(connect(tmp_path / "counters")) as db:
        kept = [key.partition(":")[0] for (key,) in db.execute("SELECT key FROM counters")]
    assert sorted(kept) == ["salt", "sessions"]


def test_a_clock_that_ran_ahead_gives_no_budget_back(build: Build, clock: Clock) -> None:
    limits = build(TRYON_MONTHLY_SESSIONS="2")
    right = clock.at_ms
    assert admitted(limits.spend, 5) == 2
    clock.at_ms = ms("2027-02-01T12:00")
    limits.admit_session("192.0.2.1")
    clock.at_ms = right
    assert admitted(limits.spend, 5) == 0


@pytest.mark.parametrize(
    ("setting", "ends"),
    [("TRYON_DAILY_SESSIONS", "2026-11-25T00:00"), ("TRYON_MONTHLY_SESSIONS", "2026-12-01T00:00")],
)
def test_a_budget_is_exact_and_begins_again_at_the_shops_midnight(
    build: Build, clock: Clock, setting: str, ends: str
) -> None:
    limits = build(**{setting: "7"})
    assert admitted(limits.spend, 20) == 7
    problem = refusal(limits.spend)
    assert problem.code == "budget_exhausted"
    assert problem.wait_s == (ms(ends) - clock.at_ms) // 1000
    clock.at_ms = ms(ends) - 1
    assert admitted(limits.spend, 5) == 0
    clock.at_ms = ms(ends)
    assert admitted(limits.spend, 20) == 7


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)]
)
def test_a_day_is_as_long_as_the_shops_clock_has_it(
    build: Build, clock: Clock, day: str, hours: int
) -> None:
    clock.at_ms = ms(f"{day}T00:00")
    limits = build(TRYON_DAILY_SESSIONS="1")
    limits.spend()
    assert refusal(limits.spend).wait_s == hours * 3600


@pytest.mark.parametrize("setting", ["TRYON_DAILY_SESSIONS", "TRYON_MONTHLY_SESSIONS"])
def test_a_budget_of_none_allows_none_on_any_day(build: Build, clock: Clock, setting: str) -> None:
    limits = build(**{setting: "0"})
    for day in range(3):
        clock.at_ms = ms(f"2026-12-{day + 1:02}T12:00")
        assert admitted(limits.spend, 3) == 0


def test_the_smaller_budget_holds_and_takes_nothing_from_the_other(build: Build) -> None:
    limits = build(TRYON_DAILY_SESSIONS="3", TRYON_MONTHLY_SESSIONS="5")
    assert admitted(limits.spend, 50) == 3  # 47 refusals must not eat up the month


def test_a_month_that_is_spent_leaves_the_day_as_it_was(build: Build, clock: Clock) -> None:
    limits = build(TRYON_DAILY_SESSIONS="4", TRYON_MONTHLY_SESSIONS="6")
    assert admitted(limits.spend, 9) == 4
    clock.at_ms = ms("2026-11-25T12:00")
    assert admitted(limits.spend, 9) == 2
    clock.at_ms = ms("2026-12-01T12:00")
    assert admitted(limits.spend, 9) == 4


def test_what_was_not_created_is_put_back_where_it_was_taken(build: Build, clock: Clock) -> None:
    limits = build(TRYON_DAILY_SESSIONS="2")
    clock.at_ms = ms("2026-11-24T23:59:59")
    taken = limits.spend()
    clock.at_ms = ms("2026-11-25T00:00:01")  # the vendor's answer came after midnight
    limits.refund(taken)
    assert admitted(limits.spend, 9) == 2  # the new day has gained nothing
    clock.at_ms = ms("2026-11-25T12:00")
    limits.refund(limits_taken := clock.at_ms)
    assert limits_taken
    assert admitted(limits.spend, 9) == 1


def test_what_is_stored_counts_after_the_counters_were_lost(build: Build) -> None:
    created = Created(_2026_11_24=4, _2026_11_01=9)
    assert admitted(build(created, TRYON_DAILY_SESSIONS="6").spend, 20) == 2
    assert admitted(build(created, TRYON_MONTHLY_SESSIONS="10").spend, 20) == 1


def test_a_restart_forgets_nothing_that_the_store_has_not_seen_yet(build: Build) -> None:
    assert admitted(build(TRYON_DAILY_SESSIONS="5").spend, 3) == 3
    assert admitted(build(Created(_2026_11_24=1), TRYON_DAILY_SESSIONS="5").spend, 20) == 2

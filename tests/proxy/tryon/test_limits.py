"""Rates and budgets: exact, by the shop's own days, and fair to who shares an address."""

import ipaddress
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.refusals import Refusal
from proxy.settings import load
from proxy.tryon import limits
from proxy.tryon.limits import ClientOverRate, LimitReached, Limits
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
            "TRYON_CLIENT_RATE": "1000000/second",
        }
        return Limits(load(environ | settings), counters, created or Created())  # type: ignore[arg-type]

    return build


def session(limits: Limits, client: str = "192.0.2.9", product_id: str = "sku-1") -> int:
    return limits.admit_session(client, product_id)


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
    assert admitted(lambda: session(limits, "192.0.2.1"), 8) == 5
    assert admitted(lambda: session(limits, "192.0.2.2"), 8) == 5
    problem = refusal(lambda: session(limits, "192.0.2.1"))
    assert (problem.code, problem.wait_s) == ("rate_limited", 60)
    clock.at_ms += 60_000
    assert admitted(lambda: session(limits, "192.0.2.1"), 8) == 5


def test_a_clock_that_was_set_back_locks_nobody_out(build: Build, clock: Clock) -> None:
    limits = build(TRYON_CLIENT_RATE="2/minute")
    right = clock.at_ms
    clock.at_ms = right + 30 * 86_400_000
    assert admitted(lambda: session(limits, "192.0.2.1"), 5) == 2
    clock.at_ms = right
    assert admitted(lambda: session(limits, "192.0.2.1"), 5) == 2
    assert refusal(lambda: session(limits, "192.0.2.1")).wait_s == 60


def test_an_ipv6_network_counts_as_one_client(build: Build) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    network = iter(range(100))
    assert admitted(lambda: session(limits, f"2001:db8:0:1::{next(network):x}"), 10) == 3
    assert admitted(lambda: session(limits, "2001:db8:0:2::1"), 10) == 3


def test_ipv4_clients_stay_apart_where_the_server_listens_on_ipv6(build: Build) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    assert admitted(lambda: session(limits, "::ffff:192.0.2.1"), 10) == 3
    assert admitted(lambda: session(limits, "::ffff:192.0.2.2"), 10) == 3
    for same in ("192.0.2.2", "192.0.2.2:1234", "::FFFF:c000:202", "[::ffff:192.0.2.2]:1234"):
        assert admitted(lambda client=same: session(limits, client), 10) == 0


@pytest.mark.parametrize("client", ["192.0.2.1:{}", "[2001:db8::1]:{}"])
def test_a_port_that_a_proxy_wrote_makes_no_new_client(build: Build, client: str) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    ports = iter(range(1024, 65536))
    assert admitted(lambda: session(limits, client.format(next(ports))), 10) == 3


@pytest.mark.parametrize("client", ["", "unknown", "192.0.2.1:5555", "é" * 1000, "fe80::1%eth0"])
def test_an_odd_address_is_limited_too(build: Build, client: str) -> None:
    limits = build(TRYON_CLIENT_RATE="3/hour")
    assert admitted(lambda: session(limits, client), 10) == 3


def test_no_address_is_kept(build: Build, tmp_path: Path) -> None:
    session(build(), "192.0.2.77")
    for path in tmp_path.iterdir():
        assert b"192.0.2.77" not in path.read_bytes()


def test_clients_of_another_day_leave_nothing(build: Build, clock: Clock, tmp_path: Path) -> None:
    limits = build(TRYON_CLIENT_RATE="3/minute")
    for number in range(50):
        session(limits, f"192.0.2.{number}")
    clock.at_ms = ms("2026-11-25T12:00")
    session(limits, "192.0.2.1")
    with closing(connect(tmp_path / "counters")) as db:
        kept = [key.partition(":")[0] for (key,) in db.execute("SELECT key FROM counters")]
    assert sorted(kept) == ["salt", "sessions"]


def test_a_clock_that_ran_ahead_gives_no_budget_back(build: Build, clock: Clock) -> None:
    limits = build(TRYON_MONTHLY_SESSIONS="2")
    right = clock.at_ms
    assert admitted(lambda: session(limits), 5) == 2
    clock.at_ms = ms("2027-02-01T12:00")
    session(limits, "192.0.2.1")
    clock.at_ms = right
    assert admitted(lambda: session(limits), 5) == 0


@pytest.mark.parametrize(
    ("setting", "ends"),
    [("TRYON_DAILY_SESSIONS", "2026-11-25T00:00"), ("TRYON_MONTHLY_SESSIONS", "2026-12-01T00:00")],
)
def test_a_budget_is_exact_and_begins_again_at_the_shops_midnight(
    build: Build, clock: Clock, setting: str, ends: str
) -> None:
    limits = build(**{setting: "7"})
    assert admitted(lambda: session(limits), 20) == 7
    problem = refusal(lambda: session(limits))
    assert problem.code == "budget_exhausted"
    assert problem.wait_s == (ms(ends) - clock.at_ms) // 1000
    clock.at_ms = ms(ends) - 1
    assert admitted(lambda: session(limits), 5) == 0
    clock.at_ms = ms(ends)
    assert admitted(lambda: session(limits), 20) == 7


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-24", 24)]
)
def test_a_day_is_as_long_as_the_shops_clock_has_it(
    build: Build, clock: Clock, day: str, hours: int
) -> None:
    clock.at_ms = ms(f"{day}T00:00")
    limits = build(TRYON_DAILY_SESSIONS="1")
    session(limits)
    assert refusal(lambda: session(limits)).wait_s == hours * 3600


@pytest.mark.parametrize("setting", ["TRYON_DAILY_SESSIONS", "TRYON_MONTHLY_SESSIONS"])
def test_a_budget_of_none_allows_none_on_any_day(build: Build, clock: Clock, setting: str) -> None:
    limits = build(**{setting: "0"})
    for day in range(3):
        clock.at_ms = ms(f"2026-12-{day + 1:02}T12:00")
        assert admitted(lambda: session(limits), 3) == 0


def test_the_smaller_budget_holds_and_takes_nothing_from_the_other(build: Build) -> None:
    limits = build(TRYON_DAILY_SESSIONS="3", TRYON_MONTHLY_SESSIONS="5")
    assert admitted(lambda: session(limits), 50) == 3  # 47 refusals must not eat up the month


def test_a_month_that_is_spent_leaves_the_day_as_it_was(build: Build, clock: Clock) -> None:
    limits = build(TRYON_DAILY_SESSIONS="4", TRYON_MONTHLY_SESSIONS="6")
    assert admitted(lambda: session(limits), 9) == 4
    clock.at_ms = ms("2026-11-25T12:00")
    assert admitted(lambda: session(limits), 9) == 2
    clock.at_ms = ms("2026-12-01T12:00")
    assert admitted(lambda: session(limits), 9) == 4


def test_what_was_not_created_is_put_back_where_it_was_taken(build: Build, clock: Clock) -> None:
    limits = build(TRYON_DAILY_SESSIONS="2")
    clock.at_ms = ms("2026-11-24T23:59:59")
    taken = session(limits)
    clock.at_ms = ms("2026-11-25T00:00:01")  # the vendor's answer came after midnight
    limits.refund(taken)
    assert admitted(lambda: session(limits), 9) == 2  # the new day has gained nothing
    clock.at_ms = ms("2026-11-25T12:00")
    limits.refund(limits_taken := clock.at_ms)
    assert limits_taken
    assert admitted(lambda: session(limits), 9) == 1


def test_what_is_stored_counts_after_the_counters_were_lost(build: Build) -> None:
    created = Created(_2026_11_24=4, _2026_11_01=9)
    for budget, left in ({"TRYON_DAILY_SESSIONS": "6"}, 2), ({"TRYON_MONTHLY_SESSIONS": "10"}, 1):
        limits = build(created, **budget)
        assert admitted(lambda limits=limits: session(limits), 20) == left


def test_a_restart_forgets_nothing_that_the_store_has_not_seen_yet(build: Build) -> None:
    limits = build(TRYON_DAILY_SESSIONS="5")
    assert admitted(lambda: session(limits), 3) == 3
    again = build(Created(_2026_11_24=1), TRYON_DAILY_SESSIONS="5")
    assert admitted(lambda: session(again), 20) == 2


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("10", {5: 50, 8: 80, 10: 100}),
        ("3", {2: 50, 3: 100}),
        ("1", {1: 100}),
    ],
)
def test_each_part_of_a_budget_is_told_once_as_it_is_spent(
    build: Build, caplog: pytest.LogCaptureFixture, limit: str, told: dict[int, int]
) -> None:
    limits = [build(TRYON_DAILY_SESSIONS=limit) for _ in range(2)]
    said = {}
    for number in range(1, int(limit) + 1):
        caplog.clear()
        limits[0].refund(session(limits[number % 2]))  # told again would be told twice
        session(limits[number % 2])
        said[number] = caplog.messages
    said = {number: messages for number, messages in said.items() if messages}
    assert said == {
        number: [f"{percent} % of the daily budget of {limit} sessions is spent"]
        for number, percent in told.items()
    }
    assert limits[1].spent() == [("daily", int(limit), int(limit))]


# --- Floods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("prefix", "clients"), [(64, 1), (56, 4), (48, 16), (47, 32)])
def test_an_ipv6_network_has_the_rate_of_so_many_clients(
    build: Build, prefix: int, clients: int
) -> None:
    """However many of its addresses ask, each once."""
    limits = build(TRYON_CLIENT_RATE="3/hour")
    network = ipaddress.ip_network(f"2001:db8::/{prefix}")
    step = network.num_addresses // 200
    asking = (str(network[n * step]) for n in range(200))
    assert admitted(lambda: session(limits, next(asking)), 200) == 3 * clients


@pytest.mark.parametrize(("prefix", "clients"), [(64, 1), (56, 4), (48, 16)])
def test_an_ipv6_network_may_guess_a_password_as_so_many_clients(
    build: Build, prefix: int, clients: int
) -> None:
    limits = build()
    network = ipaddress.ip_network(f"2001:db8::/{prefix}")
    step = network.num_addresses // 200
    guessing = (str(network[n * step]) for n in range(200))
    guess = partial(limits.admit_guess, "login", is_right=False)
    assert admitted(lambda: guess(next(guessing)), 200) == 10 * clients


def test_what_a_wider_network_refuses_is_counted_nowhere(build: Build, tmp_path: Path) -> None:
    limits = build(TRYON_CLIENT_RATE="1/hour")
    asking = (f"2001:db8:0:{n:x}::1" for n in range(500))
    assert admitted(lambda: session(limits, next(asking)), 500) == 8  # two /56 of four each
    with closing(connect(tmp_path / "counters")) as db:
        assert db.execute("SELECT count(*) FROM counters").fetchone()[0] < 20


def test_all_clients_together_have_a_rate(build: Build) -> None:
    limits = build(TRYON_SESSION_RATE="7/minute", TRYON_CLIENT_RATE="2/minute")
    clients = [f"192.0.2.{n}" for n in range(9)]
    passed = [admitted(lambda c=client: session(limits, c), 3) for client in clients]
    assert passed == [2, 2, 2, 1, 0, 0, 0, 0, 0]
    assert refusal(lambda: session(limits, "192.0.2.99")).code == "rate_limited"


@pytest.mark.parametrize(
    ("month", "an_hour"), [("900", 30), ("3000", 100), ("901", 31), ("25", 20)]
)
def test_an_hour_may_spend_a_days_share_of_the_month(
    build: Build, clock: Clock, month: str, an_hour: int
) -> None:
    limits = build(TRYON_MONTHLY_SESSIONS=month)  # November has thirty days
    clock.at_ms = ms("2026-11-24T12:10")
    assert admitted(lambda: session(limits), 150) == an_hour
    reached = refusal(lambda: session(limits))
    assert (reached.code, reached.wait_s) == ("budget_exhausted", 3000)
    clock.at_ms += 3_000_000
    assert admitted(lambda: session(limits), 150) == min(an_hour, int(month) - an_hour)


def test_what_was_not_created_leaves_its_hour_too(build: Build, clock: Clock) -> None:
    limits = build(TRYON_MONTHLY_SESSIONS="600")
    taken = session(limits)
    clock.at_ms += 3_600_000
    limits.refund(taken)
    assert admitted(lambda: session(limits), 50) == 20
    limits.refund(clock.at_ms)
    assert admitted(lambda: session(limits), 50) == 1


def test_one_hour_may_spend_the_month_where_it_is_not_spread(build: Build) -> None:
    limits = build(TRYON_MONTHLY_SESSIONS="100", TRYON_MONTHLY_SPREAD="0")
    assert admitted(lambda: session(limits), 150) == 100


def test_a_clock_that_ran_ahead_leaves_no_salt_for_long(build: Build, clock: Clock) -> None:
    limits = build(TRYON_CLIENT_RATE="2/day")
    right = clock.at_ms
    clock.at_ms = right + 30 * 86_400_000
    session(limits)
    clock.at_ms = right
    assert admitted(lambda: session(limits), 5) == 2
    clock.at_ms = right + 86_400_000
    assert admitted(lambda: session(limits), 5) == 2


def test_so_many_different_things_may_be_named_in_a_day(build: Build, clock: Clock) -> None:
    one, other = build(), build()

    def named(limits: Limits, *names: int) -> list[int]:
        return [
            n for n in names if admitted(partial(limits.admit_name, "product", f"sku-{n}", 5), 1)
        ]

    assert named(one, 1, 2, 3) == [1, 2, 3]
    assert named(other, 3, 4, 5, 6, 7) == [3, 4, 5, 6, 7][:3]
    assert named(one, *range(1, 9)) == [1, 2, 3, 4, 5]
    assert admitted(lambda: one.admit_name("locale", "sku-9", 5), 1) == 1
    problem = refusal(lambda: one.admit_name("product", "sku-9", 5))
    midnight = datetime(2026, 11, 25, tzinfo=ZoneInfo("UTC")).timestamp() * 1000
    assert (problem.code, problem.wait_s) == ("rate_limited", (midnight - clock.at_ms) // 1000)
    clock.at_ms += 86_400_000
    assert named(one, 6, 7) == [6, 7]


# --- Passes ---------------------------------------------------------------------------------------

CHALLENGE = {
    "TRYON_CHALLENGE_URL": "https://challenge.example/siteverify",
    "TRYON_CHALLENGE_SCRIPT": "https://challenge.example/api.js",
    "TRYON_CHALLENGE_SITE_KEY": "site",
    "TRYON_CHALLENGE_SECRET": "secret",
    "TRYON_CLIENT_RATE": "2/day",
}


def test_a_pass_is_for_five_sessions_within_ten_minutes(build: Build, clock: Clock) -> None:
    one, other = build(**CHALLENGE), build(**CHALLENGE)
    assert admitted(lambda: session(one), 9) == 2
    one.give_pass("192.0.2.9")
    assert admitted(lambda: session(other), 3) == 3
    assert admitted(lambda: session(one), 9) == 2
    other.give_pass("192.0.2.9")
    clock.at_ms += 600_000
    assert admitted(lambda: session(one), 9) == 0
    one.give_pass("192.0.2.9")
    clock.at_ms += 599_999
    assert admitted(lambda: session(one), 9) == 5


def test_a_pass_is_for_one_client(build: Build) -> None:
    limits = build(**CHALLENGE)
    for client in ("192.0.2.9", "192.0.2.8", "2001:db8::1", "2001:db8:0:1::1"):
        assert admitted(lambda c=client: session(limits, c), 9) == 2
    limits.give_pass("192.0.2.9")
    limits.give_pass("2001:db8::1")
    assert admitted(lambda: session(limits, "192.0.2.8"), 9) == 0
    assert admitted(lambda: session(limits, "2001:db8:0:1::1"), 9) == 0
    assert admitted(lambda: session(limits, "2001:db8::2"), 9) == 5  # in the same /64


def test_a_pass_leads_over_the_rate_of_a_wider_network_too(build: Build) -> None:
    limits = build(**CHALLENGE)
    neighbours = (f"2001:db8:0:{n:x}::1" for n in range(1, 9))
    assert admitted(lambda: session(limits, next(neighbours)), 8) == 8  # all of a /56
    assert isinstance(refusal(lambda: session(limits, "2001:db8::1")), ClientOverRate)
    limits.give_pass("2001:db8::1")
    assert admitted(lambda: session(limits, "2001:db8::1"), 9) == 5


def test_a_pass_is_not_spent_while_the_rate_has_room(build: Build, clock: Clock) -> None:
    limits = build(**CHALLENGE)
    limits.give_pass("192.0.2.9")
    assert admitted(lambda: session(limits), 9) == 7


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"TRYON_SESSION_RATE": "3/hour"}, "rate_limited"),
        ({"TRYON_PRODUCT_RATE": "3/hour"}, "rate_limited"),
        ({"TRYON_DAILY_SESSIONS": "3"}, "budget_exhausted"),
        ({"TRYON_MONTHLY_SESSIONS": "3"}, "budget_exhausted"),
    ],
)
def test_a_pass_leads_over_nothing_but_the_rate_of_a_client(
    build: Build, limit: dict[str, str], code: str
) -> None:
    limits = build(**CHALLENGE, **limit)
    assert admitted(lambda: session(limits), 9) == 2
    limits.give_pass("192.0.2.9")
    assert admitted(lambda: session(limits), 2) == 1
    found = refusal(lambda: session(limits))
    assert (type(found), found.code) == (LimitReached, code)
    found = refusal(lambda: session(limits, "192.0.2.8"))
    assert (type(found), found.code) == (LimitReached, code)


def test_nobody_is_asked_to_pass_what_would_not_help(build: Build) -> None:
    limits = build(**CHALLENGE, TRYON_SESSION_RATE="3/hour")
    assert admitted(lambda: session(limits), 9) == 2
    assert admitted(lambda: session(limits, "192.0.2.8"), 9) == 1
    for client in ("192.0.2.9", "192.0.2.8"):
        assert type(refusal(lambda c=client: session(limits, c))) is LimitReached


def test_who_has_no_pass_waits_for_the_rate(build: Build, clock: Clock) -> None:
    limits = build(**CHALLENGE | {"TRYON_CLIENT_RATE": "2/minute"})
    assert admitted(lambda: session(limits), 9) == 2
    found = refusal(lambda: session(limits))
    assert (type(found), found.code, found.wait_s) == (
        ClientOverRate,
        "rate_limited",
        60,
    )


def test_without_a_challenge_there_is_no_pass(build: Build) -> None:
    limits = build(TRYON_CLIENT_RATE="2/day")
    limits.give_pass("192.0.2.9")
    assert admitted(lambda: session(limits), 9) == 2

"""Every total, counted in DuckDB from the events, by sets instead of one after the other.

It shares no code and no SQL with the app but for opening the file: a second SQLite library in the
same process would drop the locks of the first.
"""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from storage.sqlite.connection import connect

# What each attempt came to. An ending's strength is its place in the list.
FACTS = """
CREATE OR REPLACE TEMP TABLE facts AS
WITH
valid AS (
    SELECT * FROM events e WHERE attempt <> '' AND NOT EXISTS (
        SELECT 1 FROM events later WHERE (later.props->>'supersedes') = e.key)
),
base AS (
    SELECT attempt, any_value(at_day) AS day, any_value(at_hour) AS hour,
        any_value(at_clock) AS clock,
        max(props->>'product_id') FILTER (name = 'click') AS product,
        max(props->>'category') FILTER (name = 'click') AS category,
        max(props->>'locale') FILTER (name = 'click') AS locale,
        max(props->>'device') FILTER (name = 'click') AS device,
        max(props->>'offered') FILTER (name = 'click') AS offered,
        coalesce(max((props->>'bot')::INT) FILTER (name = 'click'), 0) AS bot,
        max(props->>'channel') FILTER (name = 'launch' AND (props->>'bot') IS NULL) AS channel,
        min(received) FILTER (name = 'created') AS created_at,
        max(props->>'session_id') FILTER (name = 'created') AS session,
        count(*) FILTER (name = 'reused') AS reused
    FROM valid GROUP BY attempt
),
heard AS (  -- callbacks that are about the attempt's own session
    SELECT v.attempt, (v.props->>'outcome') AS what, v.received
    FROM valid v JOIN base b USING (attempt)
    WHERE v.name = 'callback'
        AND coalesce(b.session = (v.props->>'session_id'), true)  -- or one of them is not known
),
openings AS (
    SELECT attempt, min(received) AS opened_at FROM (
        SELECT attempt, received FROM heard WHERE what = 'opened'
        UNION ALL
        SELECT attempt, received FROM valid WHERE name = 'launch' AND (props->>'bot') IS NULL
    ) GROUP BY attempt
),
said AS (
    SELECT attempt, what, received FROM heard
    UNION ALL
    SELECT attempt, CASE name WHEN 'cancel' THEN 'cancelled' ELSE name END, received
    FROM valid JOIN base USING (attempt)
    WHERE name IN ('cancel', 'expired') OR (name = 'create_failed' AND created_at IS NULL)
),
endings AS (
    SELECT attempt, arg_max(what, strength) AS outcome, min(received) FILTER (first) AS ended_at
    FROM (
        SELECT *, strength = max(strength) OVER (PARTITION BY attempt) AS first FROM (
            SELECT *, list_position(['create_failed', 'expired', 'cancelled', 'other',
                'abandoned', 'failed', 'completed'], what) AS strength FROM said)
        WHERE strength IS NOT NULL
    ) GROUP BY attempt
),
joined AS (
    SELECT *, coalesce(outcome, 'open') AS o FROM base
    LEFT JOIN openings USING (attempt) LEFT JOIN endings USING (attempt)
    WHERE bot = 0
),
attempts AS (
    SELECT *, opened_at IS NOT NULL OR o = 'completed' AS is_opened FROM joined
)
SELECT day, hour, clock, o, coalesce(product, '') AS product, coalesce(category, '') AS category,
    coalesce(locale, '') AS locale, coalesce(device, '') AS device,
    coalesce(channel, '') AS channel, coalesce(offered, '') AS offered,
    0 AS impressions, 1 AS clicks,
    is_opened OR created_at IS NOT NULL OR o NOT IN ('open', 'create_failed') AS created,
    o = 'create_failed' AND NOT is_opened AND created_at IS NULL AS create_failed,
    reused, is_opened AS opened, o = 'completed' AS completed, o = 'abandoned' AS abandoned,
    o = 'failed' AS failed, o = 'cancelled' AS cancelled, o = 'other' AS other,
    o = 'expired' AND NOT is_opened AS expired_unlaunched,
    o = 'expired' AND is_opened AS expired_unreported,
    CASE WHEN created_at < opened_at THEN opened_at - created_at
        WHEN created_at >= opened_at THEN 0 END AS launch_ms,
    CASE WHEN o <> 'completed' THEN NULL WHEN opened_at < ended_at THEN ended_at - opened_at
        WHEN opened_at >= ended_at THEN 0 END AS complete_ms
FROM attempts
UNION ALL
SELECT at_day, at_hour, at_clock, '', coalesce(props->>'product_id', ''),
    coalesce(props->>'category', ''), coalesce(props->>'locale', ''),
    coalesce(props->>'device', ''), '', '',
    1, 0, false, false, 0, false, false, false, false, false, false, false, false, NULL, NULL
FROM events WHERE name = 'impression' AND coalesce((props->>'bot')::INT, 0) = 0
"""
SUMS = """
sum(impressions), sum(clicks), sum(created::INT), sum(create_failed::INT), sum(reused),
sum(opened::INT), sum(completed::INT), sum(abandoned::INT), sum(failed::INT),
sum(cancelled::INT), sum(other::INT), sum(expired_unlaunched::INT),
sum(expired_unreported::INT), coalesce(sum(launch_ms), 0), coalesce(sum(complete_ms), 0)
"""
BY = {
    "totals_day": "day, device, channel, locale, offered",
    "totals_day_product": "day, product",
    "totals_day_category": "day, category",
    "totals_month": "substr(day, 1, 7), device, channel, locale, offered",
    "totals_month_product": "substr(day, 1, 7), product",
    "totals_hour": "hour, channel",
}
HISTOGRAMS = """
SELECT {period}, metric, channel, round(8 * log2(greatest(1, ms)))::INT AS bucket, count(*) FROM (
    SELECT day, 'launch' AS metric, channel, launch_ms AS ms FROM facts
    UNION ALL SELECT day, 'complete', channel, complete_ms FROM facts
    UNION ALL SELECT day, 'vendor', '', duration_ms FROM calls WHERE tries > 0
) WHERE ms IS NOT NULL GROUP BY ALL
"""
# Who reached each step, and of whom that is known; by day, hours since its midnight, and offer.
RATES = """
SELECT day, clock, offered,
    count(*) FILTER (created), count(*) FILTER (created OR create_failed),
    count(*) FILTER (opened), count(*) FILTER (opened OR ended),
    count(*) FILTER (completed), count(*) FILTER (opened AND ended),
    count(*) FILTER (completed), count(*) FILTER (create_failed OR ended)
FROM (SELECT *, o NOT IN ('open', 'create_failed') AS ended FROM facts)
WHERE clicks = 1 GROUP BY day, clock, offered
"""
READ = "SELECT * FROM read_json(?, format = 'newline_delimited', columns = {})"
EVENT = {
    "key": "VARCHAR", "name": "VARCHAR", "attempt": "VARCHAR", "received": "BIGINT",
    "props": "JSON", "at_day": "VARCHAR", "at_hour": "BIGINT", "at_clock": "BIGINT",
}  # fmt: skip
CALL = {"day": "VARCHAR", "duration_ms": "BIGINT", "tries": "BIGINT"}


def recount(
    path: Path, zone: ZoneInfo, *, rates: bool = False
) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table of totals, as they should be; also of RATES."""

    def day(at_ms: int) -> str:
        return datetime.fromtimestamp(at_ms // 1000, zone).strftime("%Y-%m-%d")

    def clock(at_ms: int) -> int:
        midnight = datetime.fromisoformat(day(at_ms)).replace(tzinfo=zone)
        return int(at_ms // 1000 - midnight.timestamp()) // 3600

    events, calls = [], []
    with closing(connect(path)) as db:
        rows = db.execute("SELECT dedupe_key, name, attempt_id, received_ms, props FROM events")
        for key, name, attempt, received, props in rows:
            first = int(attempt[:12], 16) if attempt else received
            where = {"at_day": day(first), "at_hour": first // 3_600_000, "at_clock": clock(first)}
            event = {"key": key, "name": name, "attempt": attempt, "received": received}
            events.append(event | where | {"props": json.loads(props)})
        for at, duration, tries in db.execute(
            "SELECT at_ms, duration_ms, tries FROM upstream_calls"
        ):
            calls.append({"day": day(at), "duration_ms": duration, "tries": tries})

    with duckdb.connect(config={"threads": 1}) as duck:
        for name, columns, rows in (("events", EVENT, events), ("calls", CALL, calls)):
            lines = path.with_suffix(f".{name}.json")
            lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
            duck.execute(f"CREATE TABLE {name} AS {READ.format(columns)}", [str(lines)])
        duck.execute(FACTS)
        counted = {
            table: duck.execute(f"SELECT {by}, {SUMS} FROM facts GROUP BY {by}").fetchall()  # noqa: S608
            for table, by in BY.items()
        }
        for name, period in (("histograms", "day"), ("histograms_month", "substr(day, 1, 7)")):
            counted[name] = duck.execute(HISTOGRAMS.format(period=period)).fetchall()
        if rates:
            counted["rates"] = duck.execute(RATES).fetchall()
    return {table: sorted(rows) for table, rows in counted.items()}

-- What each attempt adds to the totals, as storage.funnel.contribution says it; no bots.
CREATE VIEW attempt_counts AS
SELECT
    id, local_day, product_id, category, locale, device, channel, outcome,
    0 AS impressions,
    1 AS clicks,
    was_created AS created,
    outcome = 'create_failed' AND NOT was_created AS create_failed,
    clicks - 1 AS reused,
    was_opened AS opened,
    outcome = 'completed' AS completed,
    outcome = 'abandoned' AS abandoned,
    outcome = 'failed' AS failed,
    outcome = 'cancelled' AS cancelled,
    outcome = 'other' AS other,
    outcome = 'expired' AND NOT was_opened AS expired_unlaunched,
    outcome = 'expired' AND was_opened AS expired_unreported,
    coalesce(max(0, opened_ms - created_ms), 0) AS launch_ms_sum,
    iif(outcome = 'completed', coalesce(max(0, ended_ms - opened_ms), 0), 0) AS complete_ms_sum
FROM (
    SELECT
        *,
        opened_ms IS NOT NULL OR outcome = 'completed' AS was_opened,
        opened_ms IS NOT NULL OR created_ms IS NOT NULL
            OR outcome NOT IN ('open', 'create_failed') AS was_created
    FROM attempts
    WHERE bot = 0
);

-- For people with a SQL shell: ISO times, and no key with which one could act as a shopper.
CREATE VIEW readable_attempts AS
SELECT
    id, local_day, product_id, category, locale, device, channel, bot, reference, title, clicks,
    outcome, reason,
    strftime('%Y-%m-%dT%H:%M:%fZ', first_ms / 1000.0, 'unixepoch') AS clicked_at, first_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', created_ms / 1000.0, 'unixepoch') AS created_at, created_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', opened_ms / 1000.0, 'unixepoch') AS opened_at, opened_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', ended_ms / 1000.0, 'unixepoch') AS ended_at, ended_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', expires_ms / 1000.0, 'unixepoch') AS expires_at, expires_ms,
    session_id
FROM attempts;

CREATE VIEW readable_events AS
SELECT
    id,
    strftime('%Y-%m-%dT%H:%M:%fZ', received_ms / 1000.0, 'unixepoch') AS received_at, received_ms,
    strftime('%Y-%m-%dT%H:%M:%fZ', occurred_ms / 1000.0, 'unixepoch') AS occurred_at, occurred_ms,
    name, attempt_id, source,
    json_remove(props, '$.public_id', '$.launch_key', '$.launch_url', '$.qr_code_url') AS props
FROM events;

CREATE VIEW readable_receipts AS
SELECT
    id, attempt_id,
    strftime('%Y-%m-%dT%H:%M:%fZ', received_ms / 1000.0, 'unixepoch') AS received_at,
    verdict, reason, CAST(body AS TEXT) AS body
FROM receipts;

CREATE VIEW readable_upstream_calls AS
SELECT
    id,
    strftime('%Y-%m-%dT%H:%M:%fZ', at_ms / 1000.0, 'unixepoch') AS at,
    operation, status, error, duration_ms, tries, attempt_id, detail
FROM upstream_calls;

CREATE VIEW funnel_days AS
SELECT
    local_day,
    sum(clicks) AS clicks,
    sum(created) AS sessions,
    sum(opened) AS launches,
    sum(completed) AS completions,
    round(100.0 * sum(completed) / nullif(sum(clicks), 0), 1) AS completed_percent
FROM totals_day_category
GROUP BY local_day;

-- A search for what ended badly, which is rare, must not walk through what did not.
CREATE INDEX attempts_ended_badly ON attempts (outcome, local_day)
    WHERE outcome IN ('create_failed', 'cancelled', 'other', 'abandoned', 'failed');
-- Impressions by any two properties at once are in no table of totals.
CREATE INDEX events_impressions ON events (received_ms) WHERE name = 'impression';

DROP VIEW attempt_counts;
-- What each attempt adds to the totals, as storage.funnel.contribution says it; no bots.
CREATE VIEW attempt_counts AS
SELECT
    id, local_day, product_id, category, locale, device, channel, offered, outcome,
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

DROP VIEW readable_attempts;
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
    session_id, offered
FROM attempts;

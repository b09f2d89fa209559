-- What each attempt added to the totals as it stood at :at_ms, and by the quarter of an hour of its
-- first click: every zone's days begin at one. An id begins with its time.
SELECT
    local_day, first_ms / 900000 AS quarter,
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
    0 AS launch_ms_sum,
    0 AS complete_ms_sum,
    outcome IN ('open', 'create_failed') AND was_opened AS underway
FROM (
    SELECT
        *,
        was_launched OR outcome = 'completed' AS was_opened,
        was_launched OR had_session OR outcome NOT IN ('open', 'create_failed') AS was_created
    FROM (
        SELECT
            local_day, first_ms, clicks,
            coalesce(created_ms < :at_ms, 0) AS had_session,
            coalesce(opened_ms < :at_ms, 0) AS was_launched,
            iif(ended_ms < :at_ms, outcome, 'open') AS outcome
        FROM attempts
        WHERE id >= :start AND id < :end AND bot = 0
            AND (:product_id IS NULL OR product_id = :product_id)
            AND (:category IS NULL OR category = :category)
            AND (:locale IS NULL OR locale = :locale)
            AND (:device IS NULL OR device = :device)
            AND (:channel IS NULL OR channel = :channel)
            AND (:offered IS NULL OR offered = :offered)
    )
)

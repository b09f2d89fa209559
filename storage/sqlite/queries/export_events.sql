-- Events by when they came, with what is known of their attempt (or of an impression itself).
SELECT
    events.*,
    coalesce(attempts.product_id, props ->> 'product_id', '') AS product_id,
    coalesce(attempts.category, props ->> 'category', '') AS category,
    coalesce(attempts.locale, props ->> 'locale', '') AS locale,
    coalesce(attempts.device, props ->> 'device', '') AS device,
    coalesce(attempts.channel, '') AS channel,
    coalesce(attempts.offered, '') AS offered
FROM readable_events AS events LEFT JOIN attempts ON attempts.id = events.attempt_id
WHERE (events.received_ms, events.id) > (:after_received_ms, :after_id)
    AND events.received_ms < :end_ms
    AND (:product_id IS NULL OR product_id = :product_id)
    AND (:category IS NULL OR category = :category)
    AND (:locale IS NULL OR locale = :locale)
    AND (:device IS NULL OR device = :device)
    AND (:channel IS NULL OR channel = :channel)
    AND (:offered IS NULL OR offered = :offered)
ORDER BY events.received_ms, events.id
LIMIT :limit

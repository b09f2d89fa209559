-- The newest events after :after, newest first; impressions only where they are asked for.
SELECT
    events.id, received_ms, name, attempt_id, source,
    coalesce(attempts.product_id, props ->> 'product_id', '') AS product_id,
    coalesce(props ->> 'state', props ->> 'code', props ->> 'channel', '') AS note
FROM events LEFT JOIN attempts ON attempts.id = events.attempt_id
WHERE events.id > :after AND (:impressions OR name <> 'impression')
ORDER BY events.id DESC
LIMIT :limit

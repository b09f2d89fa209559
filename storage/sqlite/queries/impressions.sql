-- Buttons seen, by day and by what is known of who saw them; for what no total answers.
-- :days is a JSON object of each local day's first and last millisecond.
SELECT
    days.key AS local_day,
    coalesce(props ->> 'product_id', '') AS product_id,
    coalesce(props ->> 'category', '') AS category,
    coalesce(props ->> 'locale', '') AS locale,
    coalesce(props ->> 'device', '') AS device,
    '' AS channel,
    '' AS offered,
    count(*) AS impressions
FROM json_each(:days) AS days
CROSS JOIN events INDEXED BY events_impressions
    ON received_ms BETWEEN days.value ->> 0 AND days.value ->> 1
WHERE name = 'impression' AND attempt_id = '' AND coalesce(props ->> 'bot', 0) = 0
GROUP BY 1, 2, 3, 4, 5

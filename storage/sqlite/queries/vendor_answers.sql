-- The last calls to the vendor (5,000 at most, since :since_ms) by what they came to.
SELECT coalesce(error, 'ok') AS code, count(*) AS n, max(at_ms) AS last_ms, max(detail) AS detail
FROM (
    SELECT error, at_ms, detail FROM upstream_calls
    WHERE at_ms >= :since_ms ORDER BY at_ms DESC LIMIT 5000
)
GROUP BY 1
ORDER BY n DESC, code

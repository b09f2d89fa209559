-- The last callbacks (1,000 at most) by what became of them.
SELECT verdict, count(*) AS n, max(received_ms) AS last_ms
FROM (SELECT verdict, received_ms FROM receipts ORDER BY received_ms DESC LIMIT 1000)
GROUP BY 1
ORDER BY n DESC, verdict

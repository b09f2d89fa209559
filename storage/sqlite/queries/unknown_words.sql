-- Words of the vendor that no mapping knows.
SELECT reason AS word, count(*) AS attempts, max(ended_ms) AS last_ms, max(id) AS example
FROM attempts INDEXED BY attempts_ended_badly
WHERE outcome = 'other'
    AND outcome IN ('create_failed', 'cancelled', 'other', 'abandoned', 'failed')
GROUP BY reason
ORDER BY attempts DESC, word
LIMIT 200

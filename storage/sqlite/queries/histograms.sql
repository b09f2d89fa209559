-- How many durations fell into each bucket; bucket b stands for 2^(b/8) milliseconds.
-- :months, :days and :without are JSON lists: the last of days that the months have too many.
SELECT metric, bucket, sum(n) AS n
FROM (
    SELECT * FROM histograms_month WHERE local_month IN (SELECT value FROM json_each(:months))
    UNION ALL
    SELECT * FROM histograms WHERE local_day IN (SELECT value FROM json_each(:days))
    UNION ALL
    SELECT local_day, metric, channel, bucket, -n
    FROM histograms WHERE local_day IN (SELECT value FROM json_each(:without))
)
WHERE :channel IS NULL OR channel = :channel OR metric = 'vendor'
GROUP BY metric, bucket
HAVING sum(n) > 0
ORDER BY metric, bucket

-- How many durations fell into each bucket; bucket b stands for 2^(b/8) milliseconds.
SELECT metric, bucket, sum(n) AS n
FROM histograms
WHERE local_day BETWEEN :first AND :last
    AND (:channel IS NULL OR channel = :channel OR metric = 'vendor')
GROUP BY metric, bucket
HAVING sum(n) > 0
ORDER BY metric, bucket

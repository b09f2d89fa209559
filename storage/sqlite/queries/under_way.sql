-- Sessions that nobody has launched yet, and those that were launched: both can still end.
SELECT count(*) - count(opened_ms) AS waiting, count(opened_ms) AS launched
FROM attempts INDEXED BY attempts_expiring
WHERE outcome = 'open' AND expires_ms IS NOT NULL AND bot = 0
    AND local_day BETWEEN :first AND :last
    AND (:product_id IS NULL OR product_id = :product_id)
    AND (:category IS NULL OR category = :category)
    AND (:locale IS NULL OR locale = :locale)
    AND (:device IS NULL OR device = :device)
    AND (:channel IS NULL OR channel = :channel)
    AND (:offered IS NULL OR offered = :offered)

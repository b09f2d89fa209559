-- Attempts, oldest first; a bot's is marked and counts nowhere.
-- Those after :after_id, which may be a time alone: an id begins with one.
SELECT * FROM readable_attempts
WHERE id > :after_id AND id < :end
    AND (:product_id IS NULL OR product_id = :product_id)
    AND (:category IS NULL OR category = :category)
    AND (:locale IS NULL OR locale = :locale)
    AND (:device IS NULL OR device = :device)
    AND (:channel IS NULL OR channel = :channel)
    AND (:offered IS NULL OR offered = :offered)
ORDER BY id
LIMIT :limit

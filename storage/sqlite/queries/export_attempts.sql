-- Attempts, oldest first; a bot's is marked and counts nowhere.
SELECT * FROM readable_attempts
WHERE id >= :start AND id < :end
    AND (:product_id IS NULL OR product_id = :product_id)
    AND (:category IS NULL OR category = :category)
    AND (:locale IS NULL OR locale = :locale)
    AND (:device IS NULL OR device = :device)
    AND (:channel IS NULL OR channel = :channel)
ORDER BY id

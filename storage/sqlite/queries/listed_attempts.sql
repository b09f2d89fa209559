-- The attempts with these ids (:ids is a JSON list), newest first, without a key of the shopper's.
SELECT * FROM readable_attempts
WHERE id IN (SELECT value FROM json_each(:ids))
ORDER BY id DESC

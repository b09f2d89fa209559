-- Callbacks that could not be read, newest first, from those before :before on.
SELECT
    receipts.id, receipts.attempt_id, receipts.received_ms, receipts.body, receipts.reason,
    attempts.session_id, attempts.reference
FROM receipts LEFT JOIN attempts ON attempts.id = receipts.attempt_id
WHERE receipts.verdict = 'unreadable' AND receipts.id < :before
ORDER BY receipts.id DESC
LIMIT :limit

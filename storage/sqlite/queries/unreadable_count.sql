-- How many callbacks are kept that could not be read.
SELECT count(*) AS n FROM receipts WHERE verdict = 'unreadable'

-- Machines of which some rule was not judged, and files that could not be read: nothing is known to
-- be right there.
SELECT
    coalesce(host, 'unknown') AS host,
    file,
    CASE WHEN type = 'unread' THEN 'not read' ELSE verdict END AS verdict,
    rules.not_judged AS rules_not_judged,
    rules.judged_weakly AS rules_judged_weakly,
    message
FROM verdicts
WHERE type = 'unread' OR (type = 'verdict' AND NOT complete)
ORDER BY host, file

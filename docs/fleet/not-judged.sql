-- Machines of which some rule was not judged, and files that could not be read: nothing is known to
-- be right there. A machine whose snapshot does not name it is told by its file.
SELECT
    coalesce(host, file) AS machine,
    file,
    CASE WHEN type = 'unread' THEN 'not read' ELSE verdict END AS verdict,
    rules.not_judged AS rules_not_judged,
    rules.judged_nowhere AS rules_judged_nowhere,
    rules.judged_weakly AS rules_judged_weakly,
    message
FROM verdicts
WHERE type = 'unread' OR (type = 'verdict' AND NOT complete)
ORDER BY machine, file

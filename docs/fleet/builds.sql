-- Builds of the operating system, with the machines that have them and when they were seen. A
-- machine whose snapshot does not name it is told by its file.
SELECT
    coalesce(os, 'unknown') AS os,
    coalesce(os_build, 'unknown') AS os_build,
    count(DISTINCT coalesce(host, file)) AS machines,
    min(taken_at) AS first_seen,
    max(taken_at) AS last_seen
FROM verdicts
WHERE type = 'verdict'
GROUP BY coalesce(os, 'unknown'), coalesce(os_build, 'unknown')
ORDER BY machines DESC, os, os_build

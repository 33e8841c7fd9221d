-- Machines whose entry of system calls is elsewhere in the kernel than in the snapshot before, while
-- the build is the same. An address alone is another after every restart.
WITH entries AS (
    SELECT
        host,
        taken_at,
        os_build,
        min(coalesce(lstar_place, 'not in a known module')) AS first_place,
        max(coalesce(lstar_place, 'not in a known module')) AS last_place
    FROM processors
    WHERE lstar IS NOT NULL
    GROUP BY host, taken_at, os_build
),
steps AS (
    SELECT
        host,
        os_build,
        lag(taken_at) OVER (PARTITION BY host, os_build ORDER BY taken_at) AS before,
        taken_at AS after,
        lag(first_place) OVER (PARTITION BY host, os_build ORDER BY taken_at) AS first_before,
        lag(last_place) OVER (PARTITION BY host, os_build ORDER BY taken_at) AS last_before,
        first_place,
        last_place
    FROM entries
)
SELECT host, os_build, before, after, first_before, last_before, first_place, last_place
FROM steps
WHERE first_place <> first_before OR last_place <> last_before
ORDER BY host, after

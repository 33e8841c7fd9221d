-- Machines whose entry of system calls is elsewhere in the kernel than in the snapshot before, while
-- the build is the same. An address alone is another after every restart. A machine whose snapshot
-- does not name it is told by its file, so that no two of its snapshots are compared.
WITH entries AS (
    SELECT
        coalesce(host, file) AS machine,
        file,
        taken_at,
        os_build,
        min(coalesce(lstar_place, 'not in a known module')) AS first_place,
        max(coalesce(lstar_place, 'not in a known module')) AS last_place
    FROM processors
    WHERE lstar IS NOT NULL
    GROUP BY coalesce(host, file), file, taken_at, os_build
),
steps AS (
    SELECT
        machine,
        os_build,
        lag(file) OVER (PARTITION BY machine, os_build ORDER BY taken_at, file) AS file_before,
        file,
        lag(taken_at) OVER (PARTITION BY machine, os_build ORDER BY taken_at, file) AS before,
        taken_at AS after,
        lag(first_place) OVER (PARTITION BY machine, os_build ORDER BY taken_at, file) AS first_before,
        lag(last_place) OVER (PARTITION BY machine, os_build ORDER BY taken_at, file) AS last_before,
        first_place,
        last_place
    FROM entries
)
SELECT
    machine, file_before, file, os_build, before, after, first_before, last_before, first_place,
    last_place
FROM steps
WHERE first_place <> first_before OR last_place <> last_before
ORDER BY machine, after, file

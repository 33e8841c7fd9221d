-- Machines on whose processors system calls enter the kernel elsewhere than in the snapshot before,
-- while the build is the same: each processor is compared with itself. An address alone is another after
-- every restart. A machine whose snapshot does not name it is told by its file, so that no two of its
-- snapshots are compared.
WITH places AS (
    SELECT
        coalesce(host, file) AS machine,
        file,
        taken_at,
        os_build,
        index,
        coalesce(lstar_place, 'not in a known module') AS place
    FROM processors
    WHERE lstar IS NOT NULL
),
steps AS (
    SELECT
        machine,
        os_build,
        lag(file) OVER (PARTITION BY machine, os_build, index ORDER BY taken_at, file) AS file_before,
        file,
        lag(taken_at) OVER (PARTITION BY machine, os_build, index ORDER BY taken_at, file) AS before,
        taken_at AS after,
        lag(place) OVER (PARTITION BY machine, os_build, index ORDER BY taken_at, file) AS place_before,
        place
    FROM places
)
SELECT
    machine,
    file_before,
    file,
    os_build,
    before,
    after,
    count(*) AS processors,
    min(place_before) AS first_before,
    max(place_before) AS last_before,
    min(place) AS first_place,
    max(place) AS last_place
FROM steps
WHERE place <> place_before
GROUP BY machine, file_before, file, os_build, before, after
ORDER BY machine, after, file, file_before

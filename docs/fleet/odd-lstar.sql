-- Machines whose system calls enter the kernel elsewhere than on most machines of their build. Where
-- no place is that of more than half of them, every machine of the build is listed. A machine whose
-- snapshot does not name it is told by its file.
WITH places AS (
    SELECT DISTINCT
        coalesce(host, file) AS machine,
        file,
        coalesce(os_build, 'unknown') AS os_build,
        coalesce(lstar_place, 'not in a known module') AS place
    FROM processors
    WHERE lstar IS NOT NULL
),
totals AS (
    SELECT os_build, count(DISTINCT machine) AS of_build
    FROM places
    GROUP BY os_build
),
shares AS (
    SELECT os_build, place, count(DISTINCT machine) AS machines
    FROM places
    GROUP BY os_build, place
)
SELECT
    places.machine, places.file, places.os_build, places.place, shares.machines, totals.of_build
FROM places
JOIN shares ON shares.os_build = places.os_build AND shares.place = places.place
JOIN totals ON totals.os_build = places.os_build
WHERE 2 * shares.machines <= totals.of_build
ORDER BY places.os_build, shares.machines, places.place, places.machine, places.file

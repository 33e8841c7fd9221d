-- Machines on whose processors a register differs that is the same on all of a healthy machine. A
-- machine whose snapshot does not name it is told by its file.
SELECT
    coalesce(host, file) AS machine,
    taken_at,
    file,
    count(DISTINCT lstar) AS lstar,
    count(DISTINCT cstar) AS cstar,
    count(DISTINCT star) AS star,
    count(DISTINCT sfmask) AS sfmask,
    count(DISTINCT sysenter_cs) AS sysenter_cs,
    count(DISTINCT sysenter_eip) AS sysenter_eip,
    count(DISTINCT efer_found) AS efer_found
FROM processors
GROUP BY coalesce(host, file), taken_at, file
HAVING greatest(
    count(DISTINCT lstar), count(DISTINCT cstar), count(DISTINCT star), count(DISTINCT sfmask),
    count(DISTINCT sysenter_cs), count(DISTINCT sysenter_eip), count(DISTINCT efer_found)
) > 1
ORDER BY machine, taken_at, file

-- What was found, with the number of machines that have it, the rarest last. A machine whose
-- snapshot does not name it is told by its file.
WITH found AS (
    SELECT severity, id, coalesce(host, file) AS machine, min(file) AS file
    FROM verdicts
    WHERE type = 'finding'
    GROUP BY severity, id, coalesce(host, file)
)
SELECT
    severity,
    id,
    count(*) AS machines,
    min(machine) AS first_machine,
    min_by(file, machine) AS first_file,
    max(machine) AS last_machine,
    max_by(file, machine) AS last_file
FROM found
GROUP BY severity, id
ORDER BY CASE severity WHEN 'alarm' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, machines DESC, id

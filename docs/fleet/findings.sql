-- What was found, with the number of machines that have it, the rarest last.
SELECT severity, id, count(DISTINCT host) AS machines, min(host) AS first_host, max(host) AS last_host
FROM verdicts
WHERE type = 'finding'
GROUP BY severity, id
ORDER BY CASE severity WHEN 'alarm' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, machines DESC, id

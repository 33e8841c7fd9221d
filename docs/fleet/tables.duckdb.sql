-- Two tables of what the client printed, for DuckDB, in the folder with both files:
--   client check --jsonl snapshots > verdicts.jsonl
--   client show --jsonl snapshots > processors.jsonl
CREATE OR REPLACE TABLE verdicts AS
SELECT * FROM read_json('verdicts.jsonl', format = 'newline_delimited', columns = {
    type: 'VARCHAR', file: 'VARCHAR', host: 'VARCHAR', os: 'VARCHAR', os_build: 'VARCHAR',
    taken_at: 'VARCHAR', id: 'VARCHAR', severity: 'VARCHAR', message: 'VARCHAR',
    processors: 'JSON', verdict: 'VARCHAR', complete: 'BOOLEAN',
    rules: 'STRUCT("all" BIGINT, judged_weakly BIGINT, not_judged BIGINT, judged_nowhere BIGINT)'
});

-- A file that could not be read has a line, and no processor.
CREATE OR REPLACE TABLE processors AS
SELECT * FROM read_json('processors.jsonl', format = 'newline_delimited', columns = {
    file: 'VARCHAR', host: 'VARCHAR', os: 'VARCHAR', os_build: 'VARCHAR', taken_at: 'VARCHAR',
    "index": 'BIGINT', "group": 'BIGINT', "number": 'BIGINT', star: 'VARCHAR', lstar: 'VARCHAR',
    lstar_place: 'VARCHAR', cstar: 'VARCHAR', cstar_place: 'VARCHAR', sfmask: 'VARCHAR',
    sysenter_cs: 'VARCHAR', sysenter_eip: 'VARCHAR', sysenter_eip_place: 'VARCHAR',
    efer_found: 'VARCHAR', error: 'VARCHAR'
})
WHERE "index" IS NOT NULL;

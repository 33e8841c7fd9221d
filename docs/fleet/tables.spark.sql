-- The same two tables for Spark SQL, read anew by every query.
CREATE OR REPLACE TEMPORARY VIEW verdicts (
    type STRING, file STRING, host STRING, os STRING, os_build STRING, taken_at STRING, id STRING,
    severity STRING, message STRING, processors STRING, verdict STRING, complete BOOLEAN,
    rules STRUCT<`all`: BIGINT, judged_weakly: BIGINT, not_judged: BIGINT, judged_nowhere: BIGINT>
) USING json OPTIONS (path 'verdicts.jsonl');

CREATE OR REPLACE TEMPORARY VIEW processor_lines (
    file STRING, host STRING, os STRING, os_build STRING, taken_at STRING, `index` BIGINT,
    `group` BIGINT, `number` BIGINT, star STRING, lstar STRING, lstar_place STRING, cstar STRING,
    cstar_place STRING, sfmask STRING, sysenter_cs STRING, sysenter_eip STRING,
    sysenter_eip_place STRING, efer_found STRING, error STRING
) USING json OPTIONS (path 'processors.jsonl');

-- A file that could not be read has a line, and no processor.
CREATE OR REPLACE TEMPORARY VIEW processors AS
SELECT * FROM processor_lines WHERE `index` IS NOT NULL;

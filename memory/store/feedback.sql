-- The statements of the feedback on insights, by name; as those of queries.sql.

-- name: note_feedback
-- Note a verdict; the same person's later one on the same insight takes its place.
INSERT INTO feedback AS known (tenant, run, insight, principal, sessions, request, evidence, given, verdict, score, text)
VALUES (%(tenant)s, %(run)s, %(insight)s, %(principal)s, %(sessions)s, %(request)s, %(evidence)s, %(given)s,
    %(verdict)s, %(score)s, %(text)s)
ON CONFLICT (tenant, run, insight, principal) DO UPDATE SET
    sessions = ARRAY(SELECT DISTINCT unnest(known.sessions || excluded.sessions) ORDER BY 1),
    request = excluded.request, evidence = excluded.evidence, given = excluded.given, verdict = excluded.verdict,
    score = excluded.score, text = excluded.text, updated_at = clock_timestamp()
RETURNING created_at < updated_at AS replaced, updated_at;

-- name: feedback_of_run
-- The verdicts on the insights of a run.
SELECT insight, verdict FROM feedback WHERE run = %(run)s ORDER BY insight, principal;

-- name: count_feedback
-- How many verdicts there are.
SELECT count(*) AS n FROM feedback;

-- name: all_feedback
-- All verdicts, in the order in which insights were first rated.
SELECT run, insight, principal, sessions, request, evidence, given, verdict, score, text
FROM feedback ORDER BY created_at, run, insight, principal;

-- name: feedback_stands
-- Whether a verdict is still the one that was noted at some time.
SELECT 1 AS stands FROM feedback
WHERE run = %(run)s AND insight = %(insight)s AND principal = %(principal)s AND updated_at = %(updated_at)s;

-- name: feedback_is_remembered
-- Note which memory tells of a verdict.
UPDATE feedback SET memories = array_append(array_remove(memories, %(memory)s), %(memory)s)
WHERE run = %(run)s AND insight = %(insight)s AND principal = %(principal)s
RETURNING insight;

-- name: forget_feedback_of_session
-- Erase the verdicts on runs of a session and those given in it; tell what was remembered because of them.
DELETE FROM feedback WHERE sessions @> ARRAY[%(session)s::text] RETURNING memories;

-- name: forget_feedback_of_runs
-- Erase the verdicts on runs; tell what was remembered because of them.
DELETE FROM feedback WHERE run = ANY(%(runs)s) RETURNING memories;

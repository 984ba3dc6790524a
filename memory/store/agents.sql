-- The statements of the agents' runs, by name; as those of queries.sql.

-- name: add_analysis
-- Note a run that begins.
INSERT INTO analyses (tenant, id, status, session, dataset, request, owner)
VALUES (%(tenant)s, %(id)s, 'running', %(session)s, %(dataset)s, %(request)s, %(owner)s);

-- name: claim_analysis
-- Take a run over that is in one of some states, or was left running; not while a process that is alive works on it.
UPDATE analyses SET owner = %(owner)s, status = 'running', alive_at = now(), updated_at = now()
WHERE id = %(id)s AND alive_at < now() - make_interval(secs => %(lost)s)
    AND (status = ANY(%(statuses)s) OR (status = 'running' AND 'interrupted' = ANY(%(statuses)s)))
RETURNING id;

-- name: note_analysis
-- Note how far a run is, if it is still the process's own; that it was cancelled meanwhile stays. Who has ended lets go.
UPDATE analyses SET state = %(state)s, updated_at = now(),
    status = CASE WHEN status = 'cancelled' AND %(status)s = 'running' THEN status ELSE %(status)s END,
    alive_at = CASE WHEN %(status)s = 'running' THEN now() ELSE 'epoch'::timestamptz END
WHERE id = %(id)s AND owner = %(owner)s
RETURNING id;

-- name: mark_analysis
-- Note that a run has ended, or waits, whoever worked on it.
UPDATE analyses SET status = %(status)s, updated_at = now() WHERE id = %(id)s;

-- name: analyses_alive
-- Say that a process still works on its runs, and learn which of them others want cancelled. What it let go of meanwhile
-- stays free: said too late, this would keep whoever approves from going on with the run.
UPDATE analyses SET alive_at = CASE WHEN alive_at = 'epoch'::timestamptz THEN alive_at ELSE now() END
WHERE id = ANY(%(ids)s) AND owner = %(owner)s RETURNING id, status;

-- name: one_analysis
-- A run, and whether the process that works on it is alive.
SELECT id, status, session, dataset, request, state, owner, created_at, updated_at,
    status = 'running' AND alive_at < now() - make_interval(secs => %(lost)s) AS lost
FROM analyses WHERE id = %(id)s;

-- name: latest_analyses
-- The latest runs, the last first.
SELECT id, status, session, dataset, request, state, owner, created_at, updated_at,
    status = 'running' AND alive_at < now() - make_interval(secs => %(lost)s) AS lost
FROM analyses ORDER BY created_at DESC LIMIT %(limit)s;

-- name: analyses_of_session
-- The runs of a session.
SELECT id FROM analyses WHERE session = %(session)s;

-- name: old_analyses
-- Runs that nobody has touched for so many days.
SELECT id FROM analyses WHERE updated_at < now() - make_interval(secs => %(days)s * 86400);

-- name: forget_analyses
-- Erase runs.
DELETE FROM analyses WHERE id = ANY(%(ids)s);

-- name: forget_checkpoints
-- Erase what runs would be resumed from.
WITH gone AS (DELETE FROM checkpoint_writes WHERE thread_id = ANY(%(ids)s)),
    blobs AS (DELETE FROM checkpoint_blobs WHERE thread_id = ANY(%(ids)s))
DELETE FROM checkpoints WHERE thread_id = ANY(%(ids)s);

-- Statements that make all vectors anew, run as a role that sees every tenant.

-- name: make_room
-- Columns for the new vectors; what a run for another model has begun is dropped.
ALTER TABLE passages DROP COLUMN IF EXISTS next_embedding, DROP COLUMN IF EXISTS next_context;
ALTER TABLE passages ADD COLUMN next_embedding halfvec({dimensions}), ADD COLUMN next_context halfvec({dimensions});

-- name: note_next
-- Which model they are made with.
UPDATE store SET next_model = %(model)s, next_dimensions = %(dimensions)s;

-- name: unread
-- Passages without a new vector, with what stood before them where their context was read.
SELECT p.passage, substr(m.content, p.start + 1, p.stop - p.start) AS text,
    CASE WHEN p.context IS NOT NULL THEN right(coalesce(
        p.place,
        (SELECT substr(m.content, q.start + 1, q.stop - q.start) FROM passages q
            WHERE q.tenant = p.tenant AND q.memory = p.memory AND q.ordinal = p.ordinal - 1),
        (SELECT o.content FROM memories o WHERE o.tenant = m.tenant AND o.thread = m.thread AND o.ordinal < m.ordinal
            ORDER BY o.ordinal DESC LIMIT 1)), 400) END AS before
FROM passages p JOIN memories m ON m.tenant = p.tenant AND m.id = p.memory
WHERE p.passage > %(after)s AND p.next_embedding IS NULL AND p.embedding IS NOT NULL
ORDER BY p.passage LIMIT %(limit)s;

-- name: keep_next
-- Keep new vectors.
UPDATE passages p SET next_embedding = n.embedding, next_context = n.context
FROM unnest(%(passages)s::bigint[], %(embeddings)s::halfvec[], %(contexts)s::halfvec[])
    AS n (passage, embedding, context)
WHERE p.passage = n.passage;

-- name: index_next
-- The index of the new vectors, made while others go on; what an interruption left half made is dropped.
DROP INDEX IF EXISTS passages_by_next_meaning;
CREATE INDEX CONCURRENTLY passages_by_next_meaning ON passages USING hnsw (next_embedding halfvec_cosine_ops);

-- name: replace
-- Put the new vectors in the place of the old; what has been forgotten or superseded meanwhile stays so.
UPDATE passages SET next_embedding = NULL WHERE embedding IS NULL AND next_embedding IS NOT NULL;
UPDATE passages SET next_context = NULL WHERE context IS NULL AND next_context IS NOT NULL;
ALTER TABLE passages DROP COLUMN embedding, DROP COLUMN context;
ALTER TABLE passages RENAME COLUMN next_embedding TO embedding;
ALTER TABLE passages RENAME COLUMN next_context TO context;
ALTER INDEX passages_by_next_meaning RENAME TO passages_by_meaning;

-- name: set_model
-- Say which model made what is there now.
UPDATE store SET model = %(model)s, dimensions = %(dimensions)s, next_model = NULL, next_dimensions = NULL;

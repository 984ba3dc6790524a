-- The statements of the store, by name. All run as the role that row-level security walls in, with the tenant set,
-- so none names its tenant but to write it; values are always bound.

-- name: set_tenant
-- Open the wall for one tenant, until the end of the transaction.
SELECT set_config('refinery.tenant', %(tenant)s, true);

-- name: model_of_store
-- The model that made the vectors of the store.
SELECT model, dimensions FROM store;

-- name: hold_model
-- Keep others from putting other vectors in the place of all until the transaction ends.
SELECT pg_advisory_xact_lock_shared(%(lock)s);

-- name: newer_on_topic
-- Since when a later word on a topic holds.
SELECT valid_from FROM memories WHERE topic = %(topic)s AND valid_to IS NULL AND valid_from > %(valid_from)s;

-- name: size_of_tenant
-- How many passages the tenant has, and about how many there are of all tenants.
SELECT (SELECT passages FROM tenants) AS passages,
    (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'passages'::regclass) AS of_all;

-- name: repeat_memory
-- Note that a memory was told again, if it is there and holds; the greater importance is kept.
UPDATE memories SET repeats = repeats + 1, importance = greatest(importance, %(importance)s),
    fingerprint = coalesce(%(fingerprint)s, fingerprint), source = coalesce(%(source)s, source)
WHERE digest = %(digest)s AND valid_to IS NULL
RETURNING id;

-- name: last_of_thread
-- What was told last in a thread; held, so that nobody forgets it until the transaction ends.
SELECT id, right(content, 400) AS content FROM memories WHERE thread = %(thread)s ORDER BY ordinal DESC LIMIT 1
FOR KEY SHARE;

-- name: next_of_thread
-- Take the next place in a thread; whoever takes one keeps others out until the transaction ends.
INSERT INTO sessions (tenant, thread, session, length)
VALUES (%(tenant)s, %(thread)s, %(session)s,
    1 + (SELECT coalesce(max(ordinal), 0) FROM memories WHERE thread = %(thread)s))
ON CONFLICT (tenant, thread) DO UPDATE SET length = sessions.length + 1
RETURNING length;

-- name: lock_topic
-- Keep others from the same topic until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext(%(tenant)s), hashtext(%(topic)s));

-- name: close_topic
-- End what was said so far on a topic.
UPDATE memories SET valid_to = now() WHERE topic = %(topic)s AND valid_to IS NULL RETURNING id;

-- name: close_memory
-- End a memory that another supersedes.
UPDATE memories SET valid_to = now() WHERE id = %(id)s AND valid_to IS NULL RETURNING id;

-- name: add_memory
-- Add a memory; nothing is returned when another process has added the same meanwhile.
INSERT INTO memories (tenant, id, kind, content, digest, importance, dataset, session, thread, ordinal, topic,
    document, source, fingerprint, created_at, valid_from, valid_to, repeats, accesses, accessed_at)
VALUES (%(tenant)s, %(id)s, %(kind)s, %(content)s, %(digest)s, %(importance)s, %(dataset)s, %(session)s,
    %(thread)s, %(ordinal)s, %(topic)s, %(document)s, %(source)s, %(fingerprint)s,
    coalesce(%(created_at)s, now()), coalesce(%(valid_from)s, now()), %(valid_to)s, %(repeats)s, %(accesses)s,
    %(accessed_at)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: count_in
-- Make sure that the tenant is counted, and keep others from its counts until the transaction ends.
INSERT INTO tenants (tenant) VALUES (%(tenant)s)
ON CONFLICT (tenant) DO UPDATE SET passages = tenants.passages;

-- name: add_passages
-- Add the passages of a memory with their words, and count both; `count_in` comes before.
WITH given AS (
    SELECT * FROM unnest(%(ordinals)s::integer[], %(starts)s::integer[], %(stops)s::integer[], %(places)s::text[],
        %(embeddings)s::halfvec[], %(contexts)s::halfvec[], %(words)s::text[])
        AS given (ordinal, start, stop, place, embedding, context, words)
), told AS (
    SELECT ordinal, term, frequency FROM given, words_in(words)
), lengths AS (
    SELECT ordinal, sum(frequency)::integer AS length FROM told GROUP BY ordinal
), added AS (
    INSERT INTO passages (tenant, memory, ordinal, start, stop, place, length, embedding, context)
    SELECT %(tenant)s, %(memory)s, ordinal, start, stop, place, coalesce(length, 0), embedding, context
    FROM given LEFT JOIN lengths USING (ordinal)
    RETURNING passage, ordinal, length
), posted AS (
    INSERT INTO postings (tenant, term, passage, frequency, length)
    SELECT %(tenant)s, term, passage, frequency, length FROM told JOIN added USING (ordinal)
), counted AS (
    INSERT INTO terms (tenant, term, passages) SELECT %(tenant)s, term, count(*) FROM told GROUP BY term
    ON CONFLICT (tenant, term) DO UPDATE SET passages = terms.passages + excluded.passages
)
UPDATE tenants SET passages = tenants.passages + added.n, words = tenants.words + added.words
FROM (SELECT count(*) AS n, coalesce(sum(length), 0) AS words FROM added) added;

-- name: nearest_exactly
-- The passages nearest in meaning, every one that passes the filter compared; ordered outside, or the index would be.
WITH compared AS MATERIALIZED (
    SELECT p.passage, p.embedding <=> %(vector)s AS distance
    FROM passages p JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant
    WHERE p.embedding IS NOT NULL
        AND (%(kind)s::text IS NULL OR m.kind = %(kind)s)
        AND (%(dataset)s::text IS NULL OR m.dataset = %(dataset)s)
        AND (%(session)s::text IS NULL OR m.session = %(session)s)
), best AS MATERIALIZED (
    SELECT passage, distance FROM compared ORDER BY distance, passage LIMIT %(limit)s
)
SELECT p.passage, p.memory, m.thread, m.ordinal, m.importance, m.created_at, 1 - distance AS meaning,
    1 - (p.context <=> %(vector)s) AS context, 0::float8 AS words
FROM best JOIN passages p USING (passage) JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant;

-- name: nearest_by_index
-- The same by the index, which is close to exact where the tenant has a good part of all passages.
WITH best AS MATERIALIZED (
    SELECT p.passage, p.embedding <=> %(vector)s AS distance
    FROM passages p
    WHERE %(anywhere)s OR EXISTS (
        SELECT FROM memories m WHERE m.id = p.memory AND m.tenant = p.tenant
            AND (%(kind)s::text IS NULL OR m.kind = %(kind)s)
            AND (%(dataset)s::text IS NULL OR m.dataset = %(dataset)s)
            AND (%(session)s::text IS NULL OR m.session = %(session)s))
    ORDER BY p.embedding <=> %(vector)s LIMIT %(limit)s
)
SELECT p.passage, p.memory, m.thread, m.ordinal, m.importance, m.created_at, 1 - distance AS meaning,
    1 - (p.context <=> %(vector)s) AS context, 0::float8 AS words
FROM best JOIN passages p USING (passage) JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant;

-- name: search_widely
-- Settings of the index for one transaction: keep looking until enough rows pass the filter, nearest first.
SELECT set_config('hnsw.ef_search', '200', true), set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('hnsw.max_scan_tuples', '200000', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true);

-- name: count_candidates
-- How many memories pass a filter, counted up to a limit.
SELECT count(*) AS found FROM (
    SELECT FROM memories m
    WHERE (%(kind)s::text IS NULL OR m.kind = %(kind)s)
        AND (%(dataset)s::text IS NULL OR m.dataset = %(dataset)s)
        AND (%(session)s::text IS NULL OR m.session = %(session)s)
    LIMIT %(limit)s
) counted;

-- name: nearest_in_words
-- The passages that share words with the question, by BM25 within the tenant: the sum over shared words of
-- idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / mean length)), as a part of what a passage of all words could
-- have. When a question has too many common words, the most common ones are left out.
WITH size AS MATERIALIZED (
    SELECT passages, greatest(words, 1)::float8 / greatest(passages, 1) AS mean_length FROM tenants
), weighed AS MATERIALIZED (
    SELECT term, found, ln(1 + greatest(s.passages - found, 0.5)::float8 / (found + 0.5)::float8) AS idf,
        sum(found) OVER (ORDER BY found, term) AS so_far, row_number() OVER (ORDER BY found, term) AS rank
    FROM (SELECT DISTINCT term FROM words_in(%(words)s)) asked
        LEFT JOIN terms USING (term), LATERAL (SELECT coalesce(terms.passages, 0) AS found) counted, size s
), scored AS (
    SELECT p.passage, sum(idf * p.frequency * 2.2::float8 / (p.frequency + 0.3::float8 + p.length * per_word)) AS score
    FROM weighed w JOIN postings p ON p.term = w.term, (SELECT 0.9::float8 / mean_length AS per_word FROM size) size
    WHERE w.found > 0 AND (w.so_far <= %(postings)s OR w.rank = 1)
    GROUP BY p.passage
), best AS MATERIALIZED (
    SELECT passage, score FROM scored s
    WHERE %(anywhere)s OR EXISTS (
        SELECT FROM passages p JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant
        WHERE p.passage = s.passage
            AND (%(kind)s::text IS NULL OR m.kind = %(kind)s)
            AND (%(dataset)s::text IS NULL OR m.dataset = %(dataset)s)
            AND (%(session)s::text IS NULL OR m.session = %(session)s))
    ORDER BY score DESC, passage LIMIT %(limit)s
)
SELECT passage, score / (SELECT sum(idf) * 2.2::float8 FROM weighed) AS words FROM best;

-- name: found_in_words
-- What was found by words, with its nearness in meaning; what was erased since is left out.
SELECT p.passage, p.memory, m.thread, m.ordinal, m.importance, m.created_at,
    1 - (p.embedding <=> %(vector)s) AS meaning, 1 - (p.context <=> %(vector)s) AS context, given.words
FROM unnest(%(passages)s::bigint[], %(shares)s::float8[]) AS given (passage, words)
    JOIN passages p USING (passage) JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant;

-- name: shown
-- What is shown of passages: their text and place (of a memory that is no longer than a page, all of it), and what is
-- known of their memory.
SELECT p.passage, m.id, CASE WHEN m.document IS NULL AND length(m.content) <= %(page)s THEN m.content
    ELSE substr(m.content, p.start + 1, p.stop - p.start) END AS content, p.place, m.kind, m.dataset,
    m.session, m.importance, m.created_at, m.document, m.source, length(m.content) AS length
FROM passages p JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant
WHERE p.passage = ANY(%(passages)s);

-- name: touch_memories
-- Count that memories were recalled.
UPDATE memories SET accesses = accesses + 1, accessed_at = now() WHERE id = ANY(%(ids)s);

-- name: one_memory
-- All that is known of a memory.
SELECT id, kind, content, importance, dataset, session, topic, document, source, fingerprint, created_at, valid_from,
    valid_to, repeats, accesses, accessed_at
FROM memories WHERE id = %(id)s;

-- name: recent_of_dataset
-- The latest memories of a dataset that hold.
SELECT id, kind, left(content, 2000) AS content, importance, session, document, source, created_at
FROM memories WHERE dataset = %(dataset)s AND valid_to IS NULL
ORDER BY created_at DESC, id LIMIT %(limit)s;

-- name: labels_of_datasets
-- The labels of datasets that most is remembered about.
SELECT dataset FROM memories WHERE dataset IS NOT NULL AND valid_to IS NULL
GROUP BY dataset ORDER BY count(*) DESC, dataset LIMIT 20;

-- name: similar_memories
-- Memories that hold and say nearly the same of the same dataset.
SELECT m.id, left(m.content, 300) AS content, 1 - (p.embedding <=> %(vector)s) AS similarity
FROM passages p JOIN memories m ON m.id = p.memory AND m.tenant = p.tenant
WHERE m.id <> %(id)s AND p.ordinal = 0
    AND m.dataset = %(dataset)s AND m.created_at > now() - interval '365 days'
    AND p.embedding <=> %(vector)s < %(within)s
ORDER BY 3 DESC LIMIT 3;

-- name: associate
-- Associate two memories, or change the strength of what associates them.
INSERT INTO associations (tenant, source, target, relation, strength)
VALUES (%(tenant)s, %(source)s, %(target)s, %(relation)s, %(strength)s)
ON CONFLICT (tenant, source, target, relation) DO UPDATE SET strength = excluded.strength
RETURNING xmax = 0 AS is_new;

-- name: known_ids
-- Which of some memories there are.
SELECT id FROM memories WHERE id = ANY(%(ids)s);

-- name: associated
-- What memories are associated with, either way.
SELECT a.source AS memory, a.relation, false AS inverse, a.strength, m.id, left(m.content, 500) AS content, m.kind,
    m.valid_to IS NULL AS valid
FROM associations a JOIN memories m ON m.id = a.target AND m.tenant = a.tenant WHERE a.source = ANY(%(ids)s)
UNION ALL
SELECT a.target, a.relation, true, a.strength, m.id, left(m.content, 500), m.kind,
    m.valid_to IS NULL
FROM associations a JOIN memories m ON m.id = a.source AND m.tenant = a.tenant WHERE a.target = ANY(%(ids)s)
ORDER BY strength DESC, id;

-- name: hold_memories
-- Keep others from changing memories; before the counts, as everywhere, so that nobody waits for each other.
SELECT id FROM memories WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE;

-- name: forget_context
-- Take out of the successors what came before them: their vectors must not tell of what is forgotten.
UPDATE passages p SET context = NULL
FROM memories gone CROSS JOIN LATERAL (
    SELECT o.id FROM memories o WHERE o.thread = gone.thread AND o.ordinal > gone.ordinal ORDER BY o.ordinal LIMIT 1
) next
WHERE gone.id = ANY(%(ids)s) AND p.memory = next.id AND p.ordinal = 0 AND p.context IS NOT NULL;

-- name: terms_of_memories
-- The words of memories.
SELECT DISTINCT term FROM postings WHERE passage IN (SELECT passage FROM passages WHERE memory = ANY(%(ids)s));

-- name: drop_terms
-- Erase words that no passage holds any more.
DELETE FROM terms WHERE term = ANY(%(terms)s) AND passages <= 0;

-- name: ids_of_session
-- The memories of a session.
SELECT id FROM memories WHERE session = %(session)s;

-- name: results_of_memories
-- The kept results that memories were made from.
SELECT DISTINCT source FROM memories WHERE id = ANY(%(ids)s) AND source IS NOT NULL;

-- name: results_of_session
-- The kept results of a session's calls.
SELECT DISTINCT result FROM runs WHERE session = %(session)s AND result IS NOT NULL;

-- name: unpost
-- Take memories out of what is searched: their words are counted out, their vectors erased; `count_in` comes before.
WITH gone AS (
    DELETE FROM postings WHERE passage IN (SELECT passage FROM passages WHERE memory = ANY(%(ids)s))
    RETURNING term
), counted AS (
    UPDATE terms SET passages = terms.passages - told.n
    FROM (SELECT term, count(*) AS n FROM gone GROUP BY term) told WHERE terms.term = told.term
), blank AS (
    UPDATE passages SET embedding = NULL, context = NULL WHERE memory = ANY(%(ids)s) AND embedding IS NOT NULL
    RETURNING length
)
UPDATE tenants SET passages = tenants.passages - blank.n, words = tenants.words - blank.words
FROM (SELECT count(*) AS n, coalesce(sum(length), 0) AS words FROM blank) blank;

-- name: forget_memories
-- Erase memories with all that hangs on them; `unpost` comes before.
DELETE FROM memories WHERE id = ANY(%(ids)s) RETURNING id;

-- name: hold_session
-- Keep others from writing in a session until the transaction ends.
SELECT thread FROM sessions WHERE session = %(session)s FOR UPDATE;

-- name: forget_session
-- Erase a session and what is known of its calls; pipelines that were saved in it stay, without its label.
WITH calls AS (DELETE FROM runs WHERE session = %(session)s),
    saved AS (UPDATE pipelines SET session = NULL WHERE session = %(session)s)
DELETE FROM sessions WHERE session = %(session)s;

-- name: old_memories
-- Memories of an age that weigh less than a bound and were not asked for since; and what has not held for so long.
SELECT id FROM memories
WHERE (greatest(created_at, accessed_at) < now() - make_interval(days => %(days)s) AND importance < %(importance)s)
    OR valid_to < now() - make_interval(days => %(days)s);

-- name: stats
-- Counts of the tenant.
SELECT (SELECT count(*) FROM memories) AS memories,
    (SELECT count(*) FROM memories WHERE valid_to < now()) AS superseded,
    (SELECT coalesce(jsonb_object_agg(kind, n), '{}') FROM
        (SELECT kind, count(*) AS n FROM memories GROUP BY kind) kinds) AS kinds,
    (SELECT count(*) FROM passages) AS passages,
    (SELECT count(*) FROM sessions WHERE session IS NOT NULL) AS sessions,
    (SELECT count(*) FROM associations) AS associations,
    (SELECT count(DISTINCT name) FROM datasets) AS datasets,
    (SELECT count(*) FROM pipelines) AS pipelines,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT min(created_at) FROM memories) AS oldest,
    (SELECT max(created_at) FROM memories) AS newest;

-- name: exported_memories
-- Memories in order, some at a time, after the one that came last.
SELECT id, kind, content, importance, dataset, session, topic, document, source, fingerprint, created_at, valid_from,
    valid_to, repeats, accesses, accessed_at, thread, ordinal
FROM memories WHERE (thread, ordinal) > (%(thread)s, %(ordinal)s) ORDER BY thread, ordinal LIMIT %(limit)s;

-- name: exported_passages
-- Where a document's passages lie in it.
SELECT memory, start, stop, place FROM passages WHERE memory = ANY(%(ids)s) ORDER BY memory, ordinal;

-- name: exported_associations
-- All associations.
SELECT source, target, relation, strength FROM associations ORDER BY source, target, relation;

-- name: see_dataset
-- Note the state in which a dataset was seen.
INSERT INTO datasets (tenant, name, fingerprint, source, schema_hash, columns, row_count)
VALUES (%(tenant)s, %(name)s, %(fingerprint)s, %(source)s, %(schema_hash)s, %(columns)s, %(rows)s)
ON CONFLICT (tenant, name, fingerprint, schema_hash) DO UPDATE
SET last_seen_at = now(), row_count = coalesce(excluded.row_count, datasets.row_count);

-- name: add_pipeline
-- Note a feature pipeline that was saved.
INSERT INTO pipelines (tenant, name, feature_hash, pipeline_path, features, session)
VALUES (%(tenant)s, %(pipeline)s, %(feature_hash)s, %(pipeline_path)s, %(features)s, %(session)s)
ON CONFLICT (tenant, name, feature_hash) DO UPDATE
SET saved_at = now(), pipeline_path = excluded.pipeline_path, features = excluded.features;

-- name: add_run
-- Note a call.
INSERT INTO runs (tenant, action, datasets, fingerprints, outcome, seconds, session, principal, result, started_at)
VALUES (%(tenant)s, %(action)s, %(datasets)s, %(fingerprints)s, %(outcome)s, %(seconds)s, %(session)s, %(principal)s,
    %(result)s, to_timestamp(%(started)s));

-- name: history_of_dataset
-- The states in which a dataset was seen, the latest first.
SELECT fingerprint, schema_hash, row_count, jsonb_array_length(columns) AS columns, source, first_seen_at, last_seen_at
FROM datasets WHERE name = %(name)s ORDER BY last_seen_at DESC LIMIT %(limit)s;

-- name: runs_of_dataset
-- The latest calls on a dataset.
SELECT action, outcome, seconds, started_at, result FROM runs WHERE datasets @> ARRAY[%(name)s]::text[]
ORDER BY started_at DESC LIMIT %(limit)s;

-- name: prune_runs
-- Forget calls older than an age.
DELETE FROM runs WHERE started_at < now() - make_interval(days => %(days)s);

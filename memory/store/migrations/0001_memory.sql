-- What is remembered. Every table carries its tenant and is walled off by row-level security: a statement that
-- does not say whose rows it wants sees none. {dimensions} is filled in when the migration runs.

CREATE TABLE store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    model text NOT NULL,
    dimensions integer NOT NULL,
    next_model text,
    next_dimensions integer
);
COMMENT ON TABLE store IS 'the model that made the vectors here, and the next one while they are made anew; there is one row';

CREATE TABLE tenants (
    tenant text PRIMARY KEY,
    passages bigint NOT NULL DEFAULT 0,
    words bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE tenants IS 'how many passages a tenant can find, and words in them: for the weights of words';

CREATE TABLE sessions (
    tenant text NOT NULL,
    thread text NOT NULL,
    session text,
    started_at timestamptz NOT NULL DEFAULT now(),
    length bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, thread)
);
COMMENT ON TABLE sessions IS 'memories in the order in which they came: of one session, or without one of one dataset';

CREATE TABLE memories (
    tenant text NOT NULL,
    id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('reasoning', 'experience', 'knowledge')),
    content text NOT NULL,
    digest bytea NOT NULL,
    importance real NOT NULL CHECK (importance BETWEEN 0 AND 1),
    dataset text,
    session text,
    thread text NOT NULL,
    ordinal bigint NOT NULL,
    topic text,
    document text,
    source text,
    fingerprint text,
    created_at timestamptz NOT NULL DEFAULT now(),
    valid_from timestamptz NOT NULL DEFAULT now(),
    valid_to timestamptz,
    repeats integer NOT NULL DEFAULT 0,
    accesses integer NOT NULL DEFAULT 0,
    accessed_at timestamptz,
    PRIMARY KEY (tenant, id)
);
COMMENT ON COLUMN memories.digest IS 'of content, kind and labels: the same note has the same';
COMMENT ON COLUMN memories.thread IS 'the session, else the dataset, that it stands in at ordinal';
COMMENT ON COLUMN memories.topic IS 'what it is the latest word on: the next memory of that topic supersedes it';
COMMENT ON COLUMN memories.source IS 'where it comes from: the address of a result';
COMMENT ON COLUMN memories.valid_to IS 'since when it no longer holds; null: it does';
CREATE UNIQUE INDEX memories_once ON memories (tenant, digest) WHERE valid_to IS NULL;
CREATE UNIQUE INDEX memories_in_order ON memories (tenant, thread, ordinal);
CREATE INDEX memories_of_dataset ON memories (tenant, dataset, created_at) WHERE dataset IS NOT NULL;
CREATE INDEX memories_of_session ON memories (tenant, session) WHERE session IS NOT NULL;
CREATE UNIQUE INDEX memories_on_topic ON memories (tenant, topic) WHERE topic IS NOT NULL AND valid_to IS NULL;

CREATE TABLE passages (
    tenant text NOT NULL,
    passage bigint GENERATED ALWAYS AS IDENTITY,
    memory text NOT NULL,
    ordinal integer NOT NULL,
    start integer NOT NULL,
    stop integer NOT NULL,
    place text,
    length integer NOT NULL,
    embedding halfvec({dimensions}),
    context halfvec({dimensions}),
    PRIMARY KEY (tenant, passage),
    UNIQUE (tenant, memory, ordinal),
    FOREIGN KEY (tenant, memory) REFERENCES memories (tenant, id) ON DELETE CASCADE
);
COMMENT ON TABLE passages IS 'pieces of memories that a model can read at once: characters start to stop of the content';
COMMENT ON COLUMN passages.embedding IS 'its vector; null: it no longer holds, and is not found';
COMMENT ON COLUMN passages.context IS 'the vector of the passage with what came before it, or with its headings';
CREATE INDEX passages_by_meaning ON passages USING hnsw (embedding halfvec_cosine_ops);

CREATE TABLE postings (
    tenant text NOT NULL,
    term text NOT NULL,
    passage bigint NOT NULL,
    frequency smallint NOT NULL,
    length integer NOT NULL,
    PRIMARY KEY (tenant, term, passage) INCLUDE (frequency, length),
    FOREIGN KEY (tenant, passage) REFERENCES passages (tenant, passage) ON DELETE CASCADE
);
COMMENT ON TABLE postings IS 'which passages hold a word: full text with the weights of words within a tenant (BM25)';
CREATE INDEX postings_of_passage ON postings (tenant, passage);

CREATE TABLE terms (
    tenant text NOT NULL,
    term text NOT NULL,
    passages bigint NOT NULL,
    PRIMARY KEY (tenant, term)
) WITH (fillfactor = 80);
COMMENT ON TABLE terms IS 'how many passages of a tenant hold a word';

CREATE TABLE associations (
    tenant text NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    relation text NOT NULL
        CHECK (relation IN ('supports', 'contradicts', 'derived_from', 'supersedes', 'similar_to')),
    strength real NOT NULL CHECK (strength BETWEEN 0 AND 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, source, target, relation),
    CHECK (source <> target),
    FOREIGN KEY (tenant, source) REFERENCES memories (tenant, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant, target) REFERENCES memories (tenant, id) ON DELETE CASCADE
);
CREATE INDEX associations_to ON associations (tenant, target);

-- Words as full text reads them: stop words dropped, the others by their stem.
CREATE FUNCTION words_in(words text) RETURNS TABLE (term text, frequency smallint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lexeme, least(cardinality(positions), 1000)::smallint
    FROM unnest(to_tsvector('pg_catalog.english', words))
$$;

-- What was seen of the data over time. Names of datasets live in the registry of the workspace; this is their history.

CREATE TABLE datasets (
    tenant text NOT NULL,
    name text NOT NULL,
    fingerprint text NOT NULL,
    source text NOT NULL,
    schema_hash text NOT NULL,
    columns jsonb NOT NULL,
    row_count bigint,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name, fingerprint, schema_hash)
);
COMMENT ON TABLE datasets IS 'one row for every state in which a dataset was seen';

CREATE TABLE pipelines (
    tenant text NOT NULL,
    name text NOT NULL,
    feature_hash text NOT NULL,
    pipeline_path text NOT NULL,
    features integer,
    session text,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name, feature_hash)
);
COMMENT ON TABLE pipelines IS 'feature pipelines as they were saved';

CREATE TABLE runs (
    tenant text NOT NULL,
    run bigint GENERATED ALWAYS AS IDENTITY,
    action text NOT NULL,
    datasets text[] NOT NULL,
    fingerprints text[] NOT NULL,
    outcome text NOT NULL,
    seconds double precision NOT NULL,
    session text,
    principal text NOT NULL,
    result text,
    started_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, run)
);
COMMENT ON TABLE runs IS 'calls of actions: what was done to which data, with what outcome';
CREATE INDEX runs_of_dataset ON runs USING gin (datasets);
CREATE INDEX runs_by_time ON runs (tenant, started_at);
CREATE INDEX runs_of_session ON runs (tenant, session) WHERE session IS NOT NULL;

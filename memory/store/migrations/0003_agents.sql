-- Runs of the agents, and the checkpoints that they are resumed from.

CREATE TABLE analyses (
    tenant text NOT NULL,
    id text NOT NULL,
    status text NOT NULL,
    session text,
    dataset text NOT NULL,
    request jsonb NOT NULL,
    state jsonb NOT NULL DEFAULT '{}',
    owner text NOT NULL,
    alive_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id)
);
COMMENT ON TABLE analyses IS 'runs of the agents: what was asked, how far it is, what it came to';
COMMENT ON COLUMN analyses.owner IS 'the process that works on it; it says so again and again in alive_at';
CREATE INDEX analyses_by_time ON analyses (tenant, created_at);
CREATE INDEX analyses_of_session ON analyses (tenant, session) WHERE session IS NOT NULL;

-- The three tables that LangGraph's checkpointer for PostgreSQL reads and writes, and the columns it knows them by.
-- The tenant is ours: it comes from the transaction, and the wall stands on it.

CREATE TABLE checkpoints (
    tenant text NOT NULL DEFAULT current_setting('refinery.tenant'),
    thread_id text NOT NULL,
    checkpoint_ns text NOT NULL DEFAULT '',
    checkpoint_id text NOT NULL,
    parent_checkpoint_id text,
    type text,
    checkpoint jsonb NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
);

CREATE TABLE checkpoint_blobs (
    tenant text NOT NULL DEFAULT current_setting('refinery.tenant'),
    thread_id text NOT NULL,
    checkpoint_ns text NOT NULL DEFAULT '',
    channel text NOT NULL,
    version text NOT NULL,
    type text NOT NULL,
    blob bytea,
    PRIMARY KEY (thread_id, checkpoint_ns, channel, version)
);

CREATE TABLE checkpoint_writes (
    tenant text NOT NULL DEFAULT current_setting('refinery.tenant'),
    thread_id text NOT NULL,
    checkpoint_ns text NOT NULL DEFAULT '',
    checkpoint_id text NOT NULL,
    task_id text NOT NULL,
    task_path text NOT NULL DEFAULT '',
    idx integer NOT NULL,
    channel text NOT NULL,
    type text,
    blob bytea NOT NULL,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);

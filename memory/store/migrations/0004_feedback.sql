-- What people thought of insights, with all that is needed to learn from it when the run is gone.

CREATE TABLE feedback (
    tenant text NOT NULL,
    run text NOT NULL,
    insight text NOT NULL,
    principal text NOT NULL,
    sessions text[] NOT NULL DEFAULT '{}',
    request jsonb NOT NULL,
    evidence jsonb NOT NULL,
    given jsonb NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'edit', 'reject')),
    score double precision CHECK (score BETWEEN 0 AND 1),
    text text,
    memories text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, run, insight, principal),
    CHECK (verdict <> 'edit' OR text IS NOT NULL)
);
COMMENT ON TABLE feedback IS 'verdicts on insights: of one person the latest; the run itself may be long gone';
COMMENT ON COLUMN feedback.sessions IS 'of the run and of the person: forgetting either erases the row';
COMMENT ON COLUMN feedback.given IS 'the insight as the person saw it';
COMMENT ON COLUMN feedback.text IS 'the better wording of an edit, else why; as the person wrote it';
COMMENT ON COLUMN feedback.memories IS 'what was remembered because of it; erased with it';
CREATE INDEX feedback_of_session ON feedback USING gin (sessions);

"""Where memories are kept: PostgreSQL with pgvector, embedded or a server, walled off by tenant."""

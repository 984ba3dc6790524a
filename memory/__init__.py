"""What is remembered: one file an action; `store/` keeps it in PostgreSQL with pgvector."""

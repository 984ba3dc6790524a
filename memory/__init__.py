"""What is remembered: PostgreSQL with pgvector."""

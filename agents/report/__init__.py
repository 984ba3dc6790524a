"""A run as a page to show to a colleague, as Markdown, and as JSON."""

"""What findings mean: insights that point at their evidence, and the check that they do."""

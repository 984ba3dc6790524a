"""What people thought of insights, kept and given back as training data."""

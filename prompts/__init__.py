"""The words given to models, as files."""

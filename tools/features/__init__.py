"""Feature steps, one file each, and the pipeline they build."""

"""Data-quality checks, one file each: every module without a leading underscore defines one action."""

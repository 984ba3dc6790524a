"""Explorations, one file each: every module without a leading underscore defines one action."""

"""Refinery: typed data-quality, exploration and feature actions that a language model can call."""

# Read by setuptools from here too; importlib.metadata would cost every start some milliseconds.
VERSION = "0.1.0"

"""Refinery: typed data-quality, exploration and feature actions that a language model can call."""

"""Opening a table: sources, formats, engine, path policy, fingerprint, sampling, the registry of names."""

from .dataset import Dataset, Reading, Sample
from .opening import open_dataset

__all__ = ["Dataset", "Reading", "Sample", "open_dataset"]

"""Feature engineering: one file a step; a pipeline is a list of declared steps, fitted on training rows alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def load_pipeline(path: str | Path) -> Pipeline:
    """Load a pipeline that `save_fe_pipeline` wrote: a fitted scikit-learn `Pipeline`, for a notebook.

    `pipeline.transform(frame)` takes a pandas table with the input columns, plain, nullable or Arrow-backed, and
    returns the features; `pipeline.fit_transform(frame, y)` fits it anew, with target encodings across folds.

    Args:
        path: its folder, or the `pipeline.skops` in it.

    Raises:
        DataUnreadable: it is missing, damaged or changed by hand.
        NotAllowed: the file holds types that no pipeline of Refinery has; nothing of it is loaded.
    """
    # Late, because scikit-learn takes long to import and the server must not wait for it.
    from ._saved import load_pipeline as load

    return load(path)

"""What ``fit`` left on an estimator."""

from __future__ import annotations

from typing import Any


def forget(model: Any) -> None:
    """Take away what an earlier fit found: a part that only some fits have would be told of the next one too."""
    for name in [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]:
        delattr(model, name)

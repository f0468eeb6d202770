"""Sparse and structured statistical models with the modelling manners of R.

Two doors: scikit-learn estimators (``GroupSLOPE(...).fit(X, y)``) and formulas (``gslope("y ~ x + C(g)", data)``).
Names load on first use, so that importing the package costs what one uses of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "api": ("colide", "compare", "fit", "gslope", "load", "presto", "sgslope", "slope"),
    "backend.path": ("relative",),
    "estimators.dag": ("CoLiDE",),
    "estimators.group_slope": (
        "GroupSLOPE",
        "GroupSLOPECV",
        "GroupSLOPEClassifier",
        "GroupSLOPEClassifierCV",
    ),
    "estimators.noise": ("noise_scaled",),
    "estimators.ordinal": ("PRESTO",),
    "estimators.ordinal_cv": ("PRESTOCV",),
    "estimators.penalized": ("Penalized", "PenalizedCV"),
    "estimators.preprocess": ("ModelMatrix",),
    "estimators.slope": ("SLOPE", "SLOPECV", "SLOPEClassifier", "SLOPEClassifierCV"),
    "estimators.sparse_group_slope": (
        "SparseGroupSLOPE",
        "SparseGroupSLOPECV",
        "SparseGroupSLOPEClassifier",
        "SparseGroupSLOPEClassifierCV",
    ),
    "selection.folds": ("folds",),
}
_MODULES = {
    "losses": "backend.losses",
    "metrics": "backend.metrics",
    "penalties": "backend.penalties",
    "datasets": "datasets",
}
_WHERE = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted([*_WHERE, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{_MODULES[name]}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

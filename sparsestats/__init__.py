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

_ELSEWHERE = {
    "glmnet": 'slope(formula, data, sequence="lasso")',
    "lasso": 'slope(formula, data, sequence="lasso")',
    "Lasso": 'SLOPE(sequence="lasso")',
    "grpreg": 'gslope(formula, data, sequence="lasso", standardize="group")',
    "GroupLasso": 'GroupSLOPE(sequence="lasso", standardize="group")',
    "sparsegl": 'sgslope(formula, data, sequence="lasso")',
    "polr": "presto(formula, data, alpha=0, parallel=True)",
    "clm": "presto(formula, data, alpha=0, parallel=True)",
}
"""What people coming from elsewhere look for -> what it is here."""

__all__ = sorted([*_WHERE, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"{__name__}.{_MODULES[name]}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{_hint(name)}")
    globals()[name] = value
    return value


def _hint(name: str) -> str:
    """What is here for a name used elsewhere, or written nearly so here."""
    if name in _ELSEWHERE:
        return f"; here it is ss.{_ELSEWHERE[name]}"
    from difflib import get_close_matches

    near = get_close_matches(name, __all__, n=1, cutoff=0.8)
    return f"; did you mean {near[0]!r}?" if near else ""


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

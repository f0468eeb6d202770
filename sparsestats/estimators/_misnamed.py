"""Parameters that people coming from elsewhere write, answered with those of the estimators."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, ClassVar

from ..validation import argument_hint

_OF_FIT = "sample_weight, an argument of fit()"
_OF_CV = "the CV twin of this estimator"
BOUNDS = ("bounds", "positive", "lower_bnd", "upper_bnd", "lower_limits", "upper_limits")
"""What bounds on coefficients are called elsewhere."""

RENAMED = {
    "fdr": "q",
    "standardise": "standardize",
    "seed": "random_state",
    "maxit": "max_iter",
    "thresh": "tol",
}
"""What has one other name in every door."""

_OURS = {
    **RENAMED,
    "weights": _OF_FIT,
    "weight": _OF_FIT,
    "class_weight": _OF_FIT,
    "sample_weight": "an argument of fit()",
    "offset": "an argument of fit()",
    "row_groups": "an argument of fit() of the CV twin",
    "lambda_": "alpha, and alphas of the CV twin",
    "lambda": "alpha, and alphas of the CV twin",
    "lam": "alpha, and alphas of the CV twin",
    "alpha": "alphas",
    "c": "alpha: 1 / (n C) for the C of scikit-learn",
    "alphas": f"an argument of path(), and of {_OF_CV}",
    "lambdas": f"alphas, of path() and of {_OF_CV}",
    "n_alphas": f"alphas=ss.relative(1, 0.01, n), of path() and of {_OF_CV}",
    "nlambda": f"alphas=ss.relative(1, 0.01, n), of path() and of {_OF_CV}",
    "eps": f"alphas=ss.relative(1, eps, 100), of path() and of {_OF_CV}",
    "cv": f"an argument of {_OF_CV}",
    "nfolds": f"cv, of {_OF_CV}",
    "scoring": f"an argument of {_OF_CV}",
    "selection": f"an argument of {_OF_CV}",
    "n_jobs": f"an argument of {_OF_CV}",
    "group": "groups, of GroupSLOPE and SparseGroupSLOPE",
    "groups": "an argument of GroupSLOPE and SparseGroupSLOPE",
    "l1_ratio": "an argument of SparseGroupSLOPE",
    "penalty": "the class (SLOPE, GroupSLOPE, SparseGroupSLOPE) and its sequence, or ss.Penalized(penalty=...)",
    "normalize": "standardize",
    "intercept": "fit_intercept",
}

OF_REGRESSIONS = _OURS | dict.fromkeys(BOUNDS, "constraints=lambda v: [v['beta'] >= low, v['beta'] <= high]")
"""What people coming from elsewhere write -> what it is here."""

OF_ORDINAL = _OURS | dict.fromkeys(BOUNDS, "constraints=lambda v: [v['coef'] >= low, v['coef'] <= high]")
"""The same of ordinal regression, whose coefficients have another name in a program."""

OF_GRAPHS = {
    **RENAMED,
    "lambda_": "alpha",
    "lambda": "alpha",
    "lam": "alpha",
    "whitelist": "required, a list of (from, to) pairs",
    "blacklist": "forbidden, a list of (from, to) pairs",
    "maxp": "max_parents",
    "restart": "n_restarts",
    **dict.fromkeys(BOUNDS, "constraints=lambda v: [v['from', 'to'] >= low, v['from', 'to'] <= high]"),
}
"""The same of graphs."""


class Answering:
    """Mixin of estimators: a parameter that does not exist is refused with the one that is meant."""

    _ours: ClassVar[dict[str, str]] = OF_REGRESSIONS

    def __new__(cls, *_: Any, **given: Any) -> Any:
        known = _parameters(cls)  # type: ignore[arg-type]  # a class, which mypy takes for one of its objects
        unknown = None if known is None else next((name for name in given if name not in known), None)
        if known is not None and unknown is not None:
            hint = argument_hint(unknown, known, cls._ours)
            raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {unknown!r}. {hint}")
        return super().__new__(cls)


@cache  # a fit makes several clones, and to read a signature takes longer than to make one
def _parameters(cls: type) -> tuple[str, ...] | None:
    """The parameters of a class; None of a subclass of somebody's own that hands its arguments on."""
    parameters = inspect.signature(cls).parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else tuple(sorted(parameters))

"""The closed list of what a formula may say, and what to write instead of what it may not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

MAX_POWER = 10
MAX_PRODUCTS = 50_000  # terms multiplied out by *, : and **; sums of columns are not counted
MAX_CELLS = 2**31  # 16 GiB of doubles: beyond it the design matrix is a mistake, or an attack


class Argument(NamedTuple):
    """What an argument must be: ``kind`` is one of the readers in guard.py."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()


_BOUNDS = (Argument("lower_bound", "number"), Argument("upper_bound", "number"))
_OUTSIDE = Argument("extrapolation", "choice", ("extend", "clip", "raise"))

# Functions of one column that learn a basis; they stand outermost in a factor.
BASES: dict[str, tuple[Argument, ...]] = {
    "bs": (
        Argument("df", "count"),
        Argument("knots", "numbers"),
        Argument("degree", "count"),
        Argument("include_intercept", "flag"),
        *_BOUNDS,
        _OUTSIDE,
    ),
    "ns": (Argument("df", "count"), Argument("knots", "numbers"), *_BOUNDS, _OUTSIDE),
    "cr": (
        Argument("df", "count"),
        Argument("knots", "numbers"),
        *_BOUNDS,
        Argument("constraints", "choice", ("center",)),
        _OUTSIDE,
    ),
    "cc": (
        Argument("df", "count"),
        Argument("knots", "numbers"),
        *_BOUNDS,
        Argument("constraints", "choice", ("center",)),
    ),
    "poly": (Argument("degree", "count"), Argument("raw", "flag")),
    "cuts": (Argument("thresholds", "numbers"),),
    "quantile_cuts": (Argument("bins", "count"),),
}
SPLINES = ("bs", "ns", "cr", "cc")
FACTORS = ("C", "factor", "as.factor")
CONTRASTS = ("contr.treatment", "contr.sum", "contr.helmert", "contr.poly")
LEARNED = ("scale", "center")
MARKERS = (
    "keep",
    "grp",
    "cols",
    "offset",
    "strata",
)  # they speak of terms
RESPONSES = ("cbind", "Surv")

_NUMPY = (
    *(
        "abs",
        "cbrt",
        "ceil",
        "exp",
        "expm1",
        "floor",
        "log",
        "log10",
        "log1p",
        "log2",
        "sign",
        "sqrt",
        "square",
    ),
    *("arccos", "arcsin", "arctan", "cos", "cosh", "sin", "sinh", "tan", "tanh", "maximum", "minimum"),
)
ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
    **{name: getattr(np, name) for name in ("log", "log10", "log1p", "log2", "exp", "sqrt", "abs")},
    **{f"np.{name}": getattr(np, name) for name in _NUMPY},
    "pmin": lambda *values: np.minimum.reduce(np.broadcast_arrays(*values)),
    "pmax": lambda *values: np.maximum.reduce(np.broadcast_arrays(*values)),
}
SEVERAL = ("pmin", "pmax", "np.minimum", "np.maximum")

FUNCTIONS = frozenset((*BASES, *FACTORS, *LEARNED, *MARKERS, *RESPONSES, *ELEMENTWISE, "I"))

_HINTS = {
    "s": "ns(x, df=4)",
    "te": "ns(x, df=4):ns(z, df=4)",
    "ti": "ns(x, df=4):ns(z, df=4)",
    "lo": "ns(x, df=4)",
    "rcs": "ns(x, df=4)",
    "c": "a list such as [45, 60]",
    "ifelse": "I(x > 3)",
    "cut": "cuts(x, [45, 60]) or quantile_cuts(x, 4)",
    "relevel": "C(g, contr.treatment('base'))",
    "ordered": "C(g, levels=['low', 'high'])",
    "interaction": "a:b",
    "as.numeric": "the column itself",
    "as.integer": "the column itself",
    "mean": "center(x)",
    "sd": "scale(x)",
    "std": "scale(x)",
    "standardize": "scale(x)",
    "weights": "sample_weight='column' as an argument of the fit",
    "cluster": "row_groups='column' as an argument of the fit",
    "min": "pmin(x, z)",
    "max": "pmax(x, z)",
    "log_2": "log2(x)",
    "ln": "log(x)",
    "Q": "the column's name in backticks",
    "hashed": "C(g)",
    "lag": "a column made beforehand",
    "mo": "C(g, contr.poly)",
    "Sum": "C(g, contr.sum)",
    "Treatment": "C(g, contr.treatment('base'))",
}


def instead(function: str) -> str:
    """What to write instead of a function that is not in the vocabulary."""
    if function in _HINTS:
        return f"write {_HINTS[function]}"
    near = closest(function, FUNCTIONS | set(CONTRASTS))
    lend = f"lend your own as env={{{function!r}: function}}" if function.isidentifier() else ""
    if function.startswith("np."):
        return f"of numpy a formula knows {', '.join(f'np.{name}' for name in _NUMPY)}"
    if "." in function and not near:
        return "attribute access is not part of a formula, except np.<listed> and contr.<listed>"
    return ", or ".join(part for part in (f"did you mean {near}" if near else "", lend) if part)


def closest(name: str, known: Iterable[Any]) -> str:
    """The known name nearest to a misspelt one, or an empty string."""
    found = difflib.get_close_matches(name, [str(k) for k in known], n=1, cutoff=0.6)
    return found[0] if found else ""

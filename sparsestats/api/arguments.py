"""The arguments that the functions of this door share, and the names people try in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any

import numpy as np

from ..estimators._misnamed import BOUNDS, RENAMED
from ..selection.folds import Folds
from ..validation import argument_hint, check_chance, check_jobs

OURS = {
    **RENAMED,
    "weights": "sample_weight",
    "weight": "sample_weight",
    "lambda_": "alpha",
    "lambda": "alpha",
    "lam": "alpha",
    "lambdas": "alphas",
    "lambda_min_ratio": "alphas=ss.relative(1, ratio, 100)",
    "nlambda": "alphas=ss.relative(1, 0.01, n)",
    "penalty": "the function (ss.slope penalises columns, ss.gslope whole terms) and sequence",
    "group": "the terms of the formula, or groups={term: name} of ss.gslope",
    "groups": "the terms of the formula, with ss.gslope",
    "nfolds": "cv",
    "foldid": "cv=ss.folds(n, by=...), or row_groups",
    "cluster": "n_jobs for workers, row_groups for rows that belong together",
    "gfdr": "q",
    "vfdr": "q",
    "pen_method": "sequence",
    "asparse": "l1_ratio, of ss.sgslope",
    "l1_ratio": "an argument of ss.sgslope, which mixes columns and terms, and of ss.presto",
    "exclude": "the formula: '. - term'",
    "keep": "unpenalized, a list of terms",
    "relax": "the method refit() of the fit",
    "type_measure": "scoring",
    "intercept": "fit_intercept, or '0 +' in the formula",
    "levels": "the formula: C(y, levels=[...]) ~ x, or an ordered categorical dtype",
    "categories": "the formula: C(y, levels=[...]) ~ x, or an ordered categorical dtype",
    "nominal": "parallel: [the terms with proportional odds], the others are nominal",
    "exposure": "offset, on the scale of the link",
    "subset": "a selection of rows of data before the call",
    "na_action": 'missing="drop" or "raise"',
    "ncores": "n_jobs",
    **dict.fromkeys(BOUNDS, "constraints=lambda v: [v['term'] >= low, v['term'] <= high]"),
}
"""What people coming from elsewhere write -> what it is here."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The arguments that every function of this door takes, with their defaults."""

    alpha: float | str | None = None
    alphas: Any = None
    sample_weight: Any = None
    offset: Any = None
    row_groups: Any = None
    cv: Any = 10
    selection: str = "min"
    scoring: Any = None
    random_state: Any = 0
    n_jobs: int | None = None
    unpenalized: Any = None
    missing: str = "drop"
    env: Mapping[str, Callable[..., Any]] | None = None
    terms_in_folds: bool = False

    @classmethod
    def names(cls) -> list[str]:
        """The names of the arguments."""
        return [f.name for f in fields(cls)]

    def changed(self) -> dict[str, Any]:
        """What differs from the defaults, for the printed call."""
        both = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        return {name: value for name, value, usual in both if not _same(value, usual)}

    def settled(self) -> Asked:
        """The same with a column that the folds name as the row groups, which is what it holds."""
        if not (isinstance(self.cv, Folds) and isinstance(self.cv.by, str)):
            return self
        return replace(self, cv=self.cv.labelled(None), row_groups=self.cv.kept_whole(self.row_groups))

    def unheeded(self, alpha: Any) -> tuple[str, ...]:
        """Notes on what shapes a cross-validation where there is none, and a path where there is one alpha."""
        if alpha == "cv":
            return ()
        changed = self.changed()
        idle = [name for name in ("cv", "selection", "scoring", "terms_in_folds") if name in changed]
        notes = [f'No effect of {" and ".join(idle)}: only alpha="cv" cross-validates.'] if idle else []
        if alpha is not None and "alphas" in changed:
            notes.append("No effect of alphas: alpha is a number.")
        return tuple(notes)

    def check(self, rules: tuple[str, ...] = ("min", "1se")) -> None:
        """Refuse values out of range before any work is done; ``rules`` are what ``selection`` may be.

        Raises
        ------
        ValueError
        """
        number = isinstance(self.alpha, Real) and not isinstance(self.alpha, bool)
        if not (self.alpha is None or (isinstance(self.alpha, str) and self.alpha == "cv") or number):
            several = " Several numbers are a path: alphas=[...]." if np.ndim(self.alpha) else ""  # type: ignore[arg-type]
            raise ValueError(f'alpha must be None (the path), a number or "cv", got {self.alpha!r}.{several}')
        if number and not 0 <= self.alpha < np.inf:  # type: ignore[operator]
            raise ValueError(f"alpha must be a finite number >= 0, got {self.alpha!r}.")
        if self.selection not in rules:
            known = " or ".join(f'"{rule}"' for rule in rules)
            raise ValueError(f"selection must be {known}, got {self.selection!r}.")
        if not isinstance(self.terms_in_folds, bool | np.bool_):
            raise ValueError(f"terms_in_folds must be True or False, got {self.terms_in_folds!r}.")
        check_chance(self.random_state)
        check_jobs(self.n_jobs)


def _same(value: Any, usual: Any) -> bool:
    """Whether an argument equals a default; arrays never do."""
    return value is usual or (type(value) is type(usual) and np.ndim(value) == 0 and bool(value == usual))


def check_names(
    function: str,
    given: Iterable[str],
    known: Iterable[str],
    shared: Iterable[str] | None = None,
    ours: Mapping[str, str] | None = None,
) -> None:
    """Refuse arguments that do not exist, naming the one that is meant.

    Parameters
    ----------
    function : str
        Name of the function, for the error.
    given : iterable of str
        What came besides the function's own arguments.
    known : iterable of str
        The parameters of the estimator that may be set.
    shared : iterable of str or None
        The function's own arguments, named when nothing comes near; None is those of ``Asked``.
    ours : mapping or None
        Names used elsewhere -> what they are here; None is ``OURS``.

    Raises
    ------
    TypeError
    """
    known = sorted(known)
    everything = [*(Asked.names() if shared is None else shared), *known]
    for name in given:
        if name in known:
            continue
        help_ = argument_hint(name, everything, OURS if ours is None else ours)
        raise TypeError(f"ss.{function}() has no argument {name!r}. {help_}")

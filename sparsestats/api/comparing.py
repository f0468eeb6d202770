"""Fits side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..formula.frame import Table
from ..report.fit import Fit
from ..selection.rules import best, summarize


def compare(*fits: Fit, **named: Fit) -> pd.DataFrame:
    """Fits to the same rows and response, a row each, with the differences of their scores fold by fold.

    Scores of two models on one fold share what is easy or hard about that fold, so that their difference is known
    better than either score: ``se_difference`` is the standard error of the mean difference over folds.

    Parameters
    ----------
    *fits, **named : Fit
        Two or more, each at an alpha; a keyword is the name of its row, others are "fit 1", "fit 2", ...

    Returns
    -------
    DataFrame indexed by name
        What ``glance()`` says of each fit, then scoring, score and se (held-out mean at the fit's alpha and its
        standard error; NaN without cross-validation, and at an alpha that was not scored), difference and
        se_difference (score minus that of the best fit; NaN unless all fits were scored the same way on the same
        folds, which ``cv=10`` and ``random_state=0`` are for the same rows).

    Raises
    ------
    TypeError
        For anything but fits.
    ValueError
        For fewer than two fits, a fit without an alpha, and fits to different rows or responses.

    Examples
    --------
    >>> import sparsestats as ss
    >>> birds = ss.datasets.load_penguins().dropna()
    >>> small = ss.gslope("body_mass_g ~ species", birds, alpha="cv")
    >>> table = ss.compare(small=small, large=small.update(". ~ . + sex"))
    >>> table["difference"].round(-3).to_dict()
    {'small': 112000.0, 'large': 0.0}
    """
    rows = {**{f"fit {i}": fit for i, fit in enumerate(fits, 1)}, **named}
    _check(rows)
    table = pd.concat([fit.glance() for fit in rows.values()], ignore_index=True)
    table.index = pd.Index(list(rows), name="fit")
    at = {name: _at_alpha(fit) for name, fit in rows.items()}
    scores = [_mean(fit, at[name]) for name, fit in rows.items()]
    table["scoring"] = [None if fit.cv is None else fit.cv.scoring for fit in rows.values()]
    table["score"], table["se"] = np.array(scores, dtype=float).T
    table["difference"] = table["se_difference"] = np.nan
    first = next(iter(rows.values())).cv
    if first is None or table["score"].isna().any() or not _same_folds(rows, at):
        return table
    champion = list(rows)[best(table["score"].to_numpy(), first.greater_is_better)]
    for name, fit in rows.items():
        paired = at[name].assign(score=at[name]["score"] - at[champion]["score"])
        table.loc[name, ["difference", "se_difference"]] = _mean(fit, paired)
    return table


def _check(rows: dict[str, Any]) -> None:
    for name, fit in rows.items():
        if not isinstance(fit, Fit):
            raise TypeError(f"{name} must be a fit, such as ss.slope(...) returns, not {type(fit).__name__}.")
        if fit.alpha is None:
            raise ValueError(f"{name} holds a path and no alpha was chosen: move to one by fit.at(alpha).")
    if len(rows) < 2:
        raise ValueError(f"A comparison needs two fits or more, got {len(rows)}.")
    (one, first), *others = rows.items()
    for name, fit in others:
        if fit.response.name != first.response.name:
            raise ValueError(f"{one} models {first.response.name}, {name} models {fit.response.name}.")
        known = first.training is not None and fit.training is not None  # a loaded fit has no rows
        if fit.nobs != first.nobs or (known and not np.array_equal(_responses(first), _responses(fit))):
            raise ValueError(
                f"{one} and {name} were fitted to different rows ({first.nobs} and {fit.nobs}), or to rows in another "
                "order: drop the rows that miss a variable of either before fitting."
            )


def _responses(fit: Fit) -> np.ndarray:
    """The columns of the response at the rows of the fit, as numbers or codes of levels."""
    assert fit.training is not None
    table = Table(fit.training.frame)
    return np.column_stack([table[name].values[fit.training.kept] for name in fit.response.variables])


def _at_alpha(fit: Fit) -> pd.DataFrame:
    """The held-out scores at the fit's alpha, a row a fold; none where there are none."""
    if fit.cv is None or fit.rule not in ("min", "1se", "given"):
        return pd.DataFrame({"fold": [], "score": [], "n": [], "weight": []})
    return fit.cv.table[fit.cv.table["alpha"] == fit.alpha].reset_index(drop=True)


def _mean(fit: Fit, folds: pd.DataFrame) -> tuple[float, float]:
    if fit.cv is None or folds.empty:
        return np.nan, np.nan
    mean, se = summarize(folds[["score"]].to_numpy(), folds["weight"].to_numpy(), fit.cv.rounds)
    return float(mean[0]), float(se[0])


def _same_folds(rows: dict[str, Fit], at: dict[str, pd.DataFrame]) -> bool:
    def key(name: str) -> tuple:
        cv = rows[name].cv
        return (cv and (cv.scoring, cv.held_out), *at[name]["weight"])

    return len({key(name) for name in rows}) == 1

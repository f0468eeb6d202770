"""Path estimators on rows drawn again: bootstrap replicates, pairs of halves, selection on one half and tests on the
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._core import ext
from ..backend.problem import Problem
from ..backend.refit import SaturatedError, SeparatedError
from ..inference.splitting import nested_tests
from ..selection.parallel import run
from ..selection.resample import Units, spawned
from ..validation import check_weights
from ._path import PathEstimator


@dataclass(frozen=True, eq=False)
class Replicates:
    """Refits, one first in every array; of K linear predictors coefs are (n, K, p).

    Attributes
    ----------
    coefs (n, p), intercepts (n,)
    converged (n,), what their certificates say
    """

    coefs: np.ndarray
    intercepts: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True, eq=False)
class SplitTests:
    """What random splits selected and found.

    Attributes
    ----------
    selected : bool ndarray (n_splits, terms)
    p_values : ndarray (n_splits, terms)
        Times the number of terms selected in the split, at most 1; 1 for terms that were not.
    saturated, separated : bool ndarray (n_splits,)
        Splits without a test, whose p-values are all 1: too many columns, or no maximum of the likelihood.
    crowded : bool ndarray (n_splits,)
        Splits with too few observations for likelihood-ratio tests of so many columns.
    converged : bool ndarray (n_splits,)
    """

    selected: np.ndarray
    p_values: np.ndarray
    saturated: np.ndarray
    separated: np.ndarray
    crowded: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True, eq=False)
class Resampler:
    """A model at one alpha, and the rows it is fitted to again and again.

    Attributes
    ----------
    worker : PathEstimator
        Whose ``_problem`` made the problem; only read.
    problem : Problem
    alpha : float
    units : Units
        What is drawn.
    """

    worker: PathEstimator
    problem: Problem
    alpha: float
    units: Units

    def bootstrap(self, n_boot: int, *, random_state: Any, n_jobs: int | None, verbose: int) -> Replicates:
        """Refits to rows drawn with replacement."""
        tasks = [(self, seed) for seed in spawned(random_state, n_boot)]
        found = run(_replicate, tasks, n_jobs=n_jobs, verbose=verbose, control=ext.Control(), label="bootstrap")
        coefs, intercepts, converged = zip(*found, strict=True)
        return Replicates(np.stack(coefs), np.stack(intercepts), np.array(converged))

    def split(
        self,
        terms: Sequence[np.ndarray],
        observations: np.ndarray,
        n_splits: int,
        *,
        random_state: Any,
        n_jobs: int | None,
        verbose: int,
    ) -> SplitTests:
        """Select on a random half, test on the other.

        Parameters
        ----------
        terms : sequence of int ndarray
            Columns of each term that selection is about; columns of none are in every model.
        observations : ndarray (n,)
            How many observations a row stands for.
        n_splits : int
        random_state, n_jobs, verbose : as in ``selection.parallel.run``
        """
        tasks = [(self, terms, observations, seed) for seed in spawned(random_state, n_splits)]
        found = run(_split, tasks, n_jobs=n_jobs, verbose=verbose, control=ext.Control(), label="splits")
        return SplitTests(*(np.array(part) for part in zip(*found, strict=True)))

    def halves(self, n_splits: int, *, random_state: Any, n_jobs: int | None, verbose: int) -> Replicates:
        """Refits to both halves of random splits, the two of a split one after the other."""
        tasks = [(self, seed) for seed in spawned(random_state, n_splits)]
        found = run(_pair, tasks, n_jobs=n_jobs, verbose=verbose, control=ext.Control(), label="halves")
        coefs, intercepts, converged = zip(*(half for pair in found for half in pair), strict=True)
        return Replicates(np.stack(coefs), np.stack(intercepts), np.array(converged))

    def at(self, rows: np.ndarray, columns: np.ndarray | None = None) -> Problem:
        """The problem of these rows; of some columns alone it has no groups, for a fit without a penalty."""
        problem = self.problem
        w = None if problem.sample_weight is None else check_weights(problem.sample_weight[rows], len(rows))
        drawn: dict[str, Any] = {
            "y": np.asfortranarray(problem.y[rows]),
            "sample_weight": w,
            "offset": None if problem.offset is None else problem.offset[rows],
        }
        if columns is None:
            return replace(problem, X=np.asfortranarray(problem.X[rows]), **drawn)
        X = np.asfortranarray(problem.X[np.ix_(rows, columns)])
        return replace(problem, X=X, groups=None, penalty_factor=None, **drawn)

    def refit(self, rows: np.ndarray, control: Any) -> tuple[np.ndarray, np.ndarray, bool]:
        """Coefficients and intercepts at alpha on these rows, and whether their certificate holds."""
        result = self.worker._solve(self.at(rows), [self.alpha], control)
        return result.coefs[0], np.asarray(result.intercepts[0]), bool(result.converged[0])


def _replicate(model: Resampler, seed: Any, control: Any = None) -> tuple[np.ndarray, np.ndarray, bool]:
    return model.refit(model.units.bootstrap(np.random.default_rng(seed)), control)


def _pair(model: Resampler, seed: Any, control: Any = None) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    return [model.refit(half, control) for half in model.units.halves(np.random.default_rng(seed))]


def _split(
    model: Resampler, terms: Sequence[np.ndarray], observations: np.ndarray, seed: Any, control: Any = None
) -> tuple[np.ndarray, np.ndarray, bool, bool, bool, bool]:
    first, second = model.units.halves(np.random.default_rng(seed))
    coef, _, converged = model.refit(first, control)
    selected = np.array([bool(coef[columns].any()) for columns in terms], dtype=bool)
    values = np.ones(len(terms))
    chosen = np.flatnonzero(selected).tolist()
    saturated = separated = crowded = False
    if len(chosen):
        tested = np.concatenate([terms[k] for k in chosen])
        always = np.setdiff1d(np.arange(len(coef)), np.concatenate(terms))
        own = np.split(np.arange(len(tested)), np.cumsum([len(terms[k]) for k in chosen])[:-1])
        problem = model.at(second, np.concatenate([tested, always]))
        try:
            found, crowded = nested_tests(problem, own, float(observations[second].sum()), model.worker.tol)
            values[chosen] = np.minimum(1.0, len(chosen) * found)
        except SaturatedError:
            saturated = True
        except SeparatedError:
            separated = True
    return selected, values, saturated, separated, crowded, converged

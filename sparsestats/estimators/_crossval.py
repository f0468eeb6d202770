"""The CV twins: alpha chosen on held-out rows along one path, folds fitted to a tolerance of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..backend.native.slope import NativeFolds
from ..backend.path import Relative, known_alphas
from ..backend.problem import PathResult, Problem
from ..selection.rows import Predicted, Workspace, take
from ..validation import check_weights
from ._fitted import forget
from ._path import PathEstimator

FOLD_TOL = 1e-6
"""Certificate asked of the paths inside a cross-validation, at most; the model that is returned meets ``tol``."""

SQUARED_FOLD_TOL = 1e-5
"""The same for the squared loss, whose gap bounds what predictions can still move by."""

FOLD_SHARE = 2e-3
"""Largest product of a fold's certificate and its rows: a curve over more rows has smaller standard errors."""


FINE_TOL = 1e-8
"""The default ``tol``: who asks for less wants more digits, of the scores as well."""


def fold_tol(loss: Any, n: int, tol: float) -> float:
    """Certificate asked of a fold of n rows where ``tol`` is of the model, as a share of the null objective.

    For the squared loss a share t bounds the root mean square change of the fitted values by sqrt(t) deviations of
    the response. A mean squared error of r deviations squared over n rows like these then moves by 2 r sqrt(t) at most
    where its standard error is about r^2 sqrt(2 / n): by sqrt(2 n t) / r <= 0.064 / r of it. Held-out rows have no such
    bound; there, changes of 0.03 standard errors were the largest seen.
    """
    loose = min(SQUARED_FOLD_TOL if loss.native == "gaussian" else FOLD_TOL, FOLD_SHARE / n)
    return tol if tol < FINE_TOL else max(tol, loose)


@dataclass(frozen=True, eq=False)
class FoldPaths:
    """Paths on some rows of a problem, to the tolerance of folds and without warnings of their own.

    Attributes
    ----------
    worker : PathEstimator
        Whose ``_problem`` made the problem; only read.
    problem : Problem
        All rows, validated.
    """

    worker: PathEstimator
    problem: Problem
    _workspace: Workspace = field(default_factory=Workspace, init=False)

    @cached_property
    def _native(self) -> NativeFolds | None:
        plain = self.worker.solver == "auto" and self.worker.constraints is None
        return NativeFolds(self.problem) if plain and NativeFolds.serves(self.problem) else None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_native"}  # another process has its own

    def __call__(
        self,
        X: Any,
        y: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        *,
        alphas: np.ndarray,
        sample_weight: Any,
        offset: Any,
        control: Any = None,
    ) -> Predicted:
        """The path at the rows ``train``, and what it predicts for ``test``; X may be other columns of these rows."""
        worker, weights = self.worker, check_weights(take(sample_weight, train), len(train))
        worker._check_weighted_response(y[train], weights)
        tol = fold_tol(self.problem.loss, len(train), worker.tol)
        if X is self.problem.X and self._native is not None:
            screening = bool(getattr(worker, "screening", True))  # with a penalty of one's own there is no choice
            options = {"tol": tol, "max_iter": worker.max_iter, "screening": screening}
            found = self._native.predict(train, test, alphas, control=control, **options)
            if found is not None:
                return Predicted(*found)
        problem = replace(
            self.problem,
            X=self._workspace.take(X, train),
            y=worker._target(y[train]),
            sample_weight=weights,
            offset=take(offset, train),
        )
        return Predicted.of(worker._solve(problem, alphas, control, tol=tol), take(X, test))


class CrossValidated(PathEstimator):
    """Mixin of the CV twins: alpha is chosen on held-out rows along one path."""

    _cv_constraints: ClassVar[dict] = {
        "alphas": ["array-like", Relative, None],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "selection": [StrOptions({"min", "1se"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state", np.random.Generator],
    }

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, row_groups: Any = None) -> Any:
        """Fit the path, cross-validate it, and sit at the chosen alpha.

        Parameters
        ----------
        X, y, sample_weight, offset : as in the estimator without CV
        row_groups : array-like (n,) or None
            Rows with one label are held out together.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As the estimator without CV, and for folds, row groups or a score that do not fit the data.

        Warns
        -----
        ConvergenceWarning
            When the certificate of some alpha is above ``tol``.
        """
        from .._core import ext
        from ..selection.crossval import cross_validate_path
        from ..selection.folds import check_cv
        from ..selection.scores import of_loss

        forget(self)
        problem = self._problem(X, y, sample_weight, offset)
        control = ext.Control()
        alphas = None if self.constraints else known_alphas(problem, self.alphas)
        results: list[PathResult] = []

        def fit_all_rows() -> None:
            results.append(self._solve(problem, self.alphas if alphas is None else alphas, control))

        if alphas is None:
            fit_all_rows()
        classifier = hasattr(self, "classes_")
        codes = problem.y if problem.responses == 1 else problem.y.argmax(axis=1)
        labels = self.classes_[codes.astype(int)] if classifier else problem.y
        splits = check_cv(self.cv, labels, classifier=classifier, row_groups=row_groups, random_state=self.random_state)
        self.cv_ = cross_validate_path(
            self,
            problem.X,
            labels,
            alphas=results[0].alphas if alphas is None else alphas,
            splits=splits,
            scoring=self.scoring,
            sample_weight=problem.sample_weight,
            offset=problem.offset,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            control=control,
            fold_path=FoldPaths(self, problem),
            family=of_loss(problem.loss),
            beside=None if alphas is None else fit_all_rows,
        )
        result = results[0]
        self._warn(problem, result)
        self.path_ = self._dress(problem, result)
        self.alphas_ = result.alphas
        self.alpha_min_, self.alpha_1se_ = float(self.cv_.alpha_min), float(self.cv_.alpha_1se)
        row = self.cv_.index_min if self.selection == "min" else self.cv_.index_1se
        self._take(result, row, has_offset=offset is not None)
        if self._ranked:
            self._find_clusters(problem)
        return self

    @property
    def cv_results_(self) -> pd.DataFrame:
        """One row a fold and alpha; see ``CVResult.table``."""
        check_is_fitted(self)
        return self.cv_.table

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The cross-validation curve; see ``CVResult.plot``."""
        check_is_fitted(self)
        return self.cv_.plot(ax=ax, **options)

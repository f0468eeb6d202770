"""What every estimator with a regularisation path shares: from data to a problem, fit, path, linear predictor.

A family says what its loss and penalty are; everything else is here once.
"""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ..backend.certificate import Certificate, warn_unconverged
from ..backend.path import Relative, alpha_max, solve_path
from ..backend.problem import PathResult, Problem
from ..report.clusters import cluster_labels
from ..report.path import Path
from ..report.protocol import Report
from ..validation import (
    check_groups,
    check_numbers,
    check_offset,
    check_penalty_factor,
    check_response_squares,
    check_weights,
)
from ._fitted import forget
from ._misnamed import Answering
from ._read import read
from ._relax import Relaxable
from ._separation import warn_separated

DEFAULT_FRACTION = 0.1
"""``alpha=None`` stands for this share of the data's alpha_max."""


class PathEstimator(Answering, Relaxable, BaseEstimator):
    """Penalised generalised linear model with a path over alpha.

    Subclasses have a ``_loss`` and define ``_penalty()``; grouped ones set ``_grouped``.
    """

    _loss: Any
    _grouped: ClassVar[bool] = False
    _ranked: ClassVar[bool] = False
    """Whether the penalty ranks columns, so that their sizes tie."""
    _headline: ClassVar[str] = ""

    _parameter_constraints: ClassVar[dict] = {
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "sequence": [str, "array-like"],
        "q": [Interval(Real, 0, 1, closed="neither")],
        "groups": [None, str, "array-like", dict],
        "family": [StrOptions({"gaussian", "poisson", "huber"})],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "standardize": ["boolean", StrOptions({"group"})],
        "fit_intercept": ["boolean"],
        "penalty_factor": ["array-like", dict, None],
        "solver": [StrOptions({"auto", "cvxpy", "proximal"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "screening": ["boolean"],
        "constraints": [callable, None],
        "verbose": ["verbose"],
    }

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        """As in scikit-learn, which reads the signature anew each time a model is copied: a tenth of a small fit."""
        return super()._get_param_names()

    def _penalty(self) -> Any:
        raise NotImplementedError

    # ---- from data to a problem -----------------------------------------------------------------------------

    def _check_X(self, X: Any, *, reset: bool) -> Any:
        return read(
            self,
            X,
            reset=reset,
            accept_sparse="csc",
            dtype=[np.float64, np.float32],
            order="F",
            accept_large_sparse=True,
        )

    def _arrays(self, X: Any, y: Any, checked: bool, **options: Any) -> tuple[Any, np.ndarray]:
        """The data in the layout that solvers read; ``checked`` ones are in it, and finite, as a design made them."""
        return read(
            self,
            X,
            y,
            skip_check_array=checked,
            accept_sparse="csc",
            dtype=[np.float64, np.float32],
            order="F",
            accept_large_sparse=True,
            **options,
        )

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        check_numbers(y)
        X, y = self._arrays(X, y, checked, y_numeric=True, multi_output=self._loss.multivariate)
        y = np.asarray(y, dtype=np.float64)
        check_response_squares(np.ravel(y))
        return X, y

    def _problem(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, *, checked: bool = False
    ) -> Problem:
        """Validate the data and the parameters against it; sets what sklearn wants set by ``fit``.

        With ``checked`` X and y are arrays of a formula's design, which made and checked them itself.
        """
        self._validate_params()
        if self.standardize == "group" and not self._grouped:
            raise ValueError(f'standardize="group" needs groups; {type(self).__name__} takes True or False')
        X, y = self._check_X_y(X, y, checked)
        n, p = X.shape
        names = getattr(self, "feature_names_in_", None)
        groups = None
        if self._grouped:
            groups, self._group_names = check_groups(self.groups, p, names)
            self.groups_ = groups
        factor = check_penalty_factor(self.penalty_factor, p, names)
        weights = check_weights(sample_weight, n)
        self._check_weighted_response(y, weights)
        if self.standardize == "group" and factor is not None:
            _check_group_factors(factor, groups, self._group_names)
        csc: Any = X
        if sparse.issparse(X) and not csc.has_canonical_format:
            X = csc = csc.copy()  # it may be the caller's own
            csc.sum_duplicates()
        target = self._target(y)
        return Problem(
            X=X,
            y=target,
            loss=self._loss,
            penalty=self._penalty(),
            sample_weight=weights,
            offset=check_offset(offset, n, target[:1].size),
            fit_intercept=bool(self.fit_intercept),  # a grid of numpy's values holds numpy's truth values
            standardize=self.standardize if self.standardize == "group" else bool(self.standardize),
            groups=groups,
            penalty_factor=factor,
        )

    def _target(self, y: np.ndarray) -> np.ndarray:
        """The checked response as the loss wants it."""
        return y

    def _check_weighted_response(self, y: np.ndarray, weights: np.ndarray | None) -> None:
        """Refuse a response that rows of weight 0 leave without a model."""

    def _solve(self, problem: Problem, alphas: Any, control: Any = None, tol: float | None = None) -> PathResult:
        return solve_path(
            problem,
            alphas,
            tol=self.tol if tol is None else tol,
            max_iter=self.max_iter,
            solver=self.solver,
            screening=self.screening,
            constraints=self.constraints,
            names=self._term_columns(),
            control=control,
        )

    def _term_columns(self) -> dict[str, np.ndarray] | None:
        """Columns by term, for constraints that name them."""
        names = getattr(self, "feature_names_in_", None)
        if self.constraints is None or names is None:
            return None
        from ..names import term_of

        terms: dict[str, list[int]] = {}
        for j, name in enumerate(names):
            terms.setdefault(str(name), []).append(j)
            if term_of(str(name)) != str(name):
                terms.setdefault(term_of(str(name)), []).append(j)
        return {term: np.array(columns) for term, columns in terms.items()}

    # ---- public --------------------------------------------------------------------------------------------

    def alpha_max(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The smallest alpha at which every penalised coefficient is 0, for this data.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,)
        sample_weight, offset : array-like (n,) or None

        Returns
        -------
        float
        """
        from sklearn.base import clone

        return alpha_max(clone(self)._problem(X, y, sample_weight, offset))

    def path(self, X: Any, y: Any, alphas: Any = None, *, sample_weight: Any = None, offset: Any = None) -> Path:
        """Fit the whole path; the estimator itself stays unfitted.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,)
        alphas : array-like, ``ss.relative(...)`` or None
            Penalty strengths; sorted largest first, repeats dropped. None is 100 geometric values from
            alpha_max to alpha_max / 100.
        sample_weight : array-like (n,) or None
            Weights >= 0, rescaled to sum to n.
        offset : array-like (n,) or None
            Known part of the linear predictor.

        Returns
        -------
        Path

        Warns
        -----
        ConvergenceWarning
            When the certificate of some alpha is above ``tol``.
        """
        from sklearn.base import clone

        worker = clone(self)
        return worker._path(worker._problem(X, y, sample_weight, offset), alphas)

    def _path(self, problem: Problem, alphas: Any) -> Path:
        """The path of a problem that this estimator has made; warnings are of the caller's caller."""
        result = self._solve(problem, alphas)
        self._warn(problem, result, stacklevel=5)
        return self._dress(problem, result)

    def _warn(self, problem: Problem, result: PathResult, stacklevel: int = 4) -> None:
        """Tell what a reader of the result should know; by default in the name of the caller's caller."""
        if not result.converged.all():  # certificates are kept by column: one by one they take a while
            warn_unconverged(result.certificates, result.alphas, type(self).__name__, stacklevel)
        warn_separated(problem, result, stacklevel)

    def _dress(self, problem: Problem, result: PathResult) -> Path:
        from ..backend.native.slope import deviations
        from ..backend.standardize import standardization

        names = getattr(self, "feature_names_in_", None)
        to_penalty = None  # then the columns' deviations are the map
        if problem.standardize == "group":
            # Without the factors, which are no part of a column's scale; free columns keep their 1.
            factor = np.ones(problem.shape[1]) if problem.penalty_factor is None else problem.penalty_factor
            to_penalty = sparse.diags_array(1.0 / np.where(factor > 0, factor, 1.0)) @ standardization(problem).S
        elif not problem.standardize:
            to_penalty = sparse.eye_array(problem.shape[1], format="csr")
        return Path.from_result(
            result,
            feature_names=None if names is None else [str(name) for name in names],
            groups=problem.groups,
            group_names=[str(name) for name in self._group_names] if self._grouped and names is not None else None,
            mean=problem.loss.mean,
            classes=getattr(self, "classes_", None),
            sd=deviations(problem.X, problem.sample_weight),
            standardization=to_penalty,
            penalty_factor=problem.penalty_factor,
            ranked=self._ranked,
            has_offset=problem.offset is not None,
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Any:
        """Fit at ``alpha``.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
            Read in place when it is in Fortran order (or CSC) and float32 or float64.
        y : array-like (n,)
        sample_weight : array-like (n,) or None
            Weights >= 0, rescaled to sum to n.
        offset : array-like (n,) or None
            Known part of the linear predictor; ``predict`` then needs one too.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN or infinite values, wrong shapes or lengths, parameters out of range.

        Warns
        -----
        ConvergenceWarning
            When the certificate is above ``tol``.
        """
        forget(self)
        problem = self._problem(X, y, sample_weight, offset)
        fraction = Relative(DEFAULT_FRACTION, DEFAULT_FRACTION, 1)
        result = self._solve(problem, fraction if self.alpha is None else [self.alpha])
        self._warn(problem, result)
        self._take(result, 0, has_offset=offset is not None)
        if self._ranked:
            self._find_clusters(problem)
        return self

    def _find_clusters(self, problem: Problem) -> None:
        """Set ``clusters_`` from the coefficients on the penalty's scale."""
        self.clusters_ = cluster_labels(self.coef_ * self._penalty_scale(problem))

    def _penalty_scale(self, problem: Problem) -> np.ndarray:
        """What the penalty multiplies the selected columns' coefficients by; other columns' deviations stay out."""
        from ..backend.native.slope import deviations

        scale = np.ones(problem.shape[1]) if problem.penalty_factor is None else problem.penalty_factor.copy()
        if problem.standardize:
            used = np.flatnonzero(np.any(np.atleast_2d(self.coef_) != 0, axis=0))
            # Other columns are never multiplied by anything but 0: their deviations would cost a pass of X.
            scale[used] *= deviations(problem.X[:, used], problem.sample_weight)
        return scale

    def _take(self, result: PathResult | Path, row: int, has_offset: bool) -> None:
        """Sit at one row of a path."""
        self._set_model(result.coefs[row].copy(), result.intercepts[row].copy(), has_offset)
        self.alpha_ = float(result.alphas[row])
        self.alpha_max_ = float(result.alpha_max)
        self.certificate_: Certificate = result.certificates[row]
        self.n_iter_ = max(1, self.certificate_.n_iter)
        if result.duals is not None:
            self.duals_ = result.duals[row]

    def _set_model(self, beta: np.ndarray, intercept: Any, has_offset: bool) -> None:
        self.coef_, self._has_offset = beta, has_offset
        self.intercept_: Any = intercept if np.ndim(intercept) else float(intercept)

    def at(self, path: Path, alpha: float) -> Any:
        """A fitted copy of this estimator at one alpha of a path it made.

        Between two alphas of the path coefficients are interpolated and there is no certificate.

        Parameters
        ----------
        path : Path
        alpha : float, inside the path's range
        """
        from sklearn.base import clone

        fitted = clone(self).set_params(alpha=float(alpha))
        i, j, _ = path.locate(alpha)
        if i == j:
            fitted._take(path, i, path.has_offset)
        else:
            fitted._set_model(path.coef(alpha), path.intercept(alpha), path.has_offset)
            fitted.alpha_, fitted.alpha_max_ = float(alpha), path.alpha_max
        fitted.n_features_in_ = path.coefs.shape[-1]
        if path.classes is not None:
            fitted.classes_ = path.classes
        if path.feature_names is not None:
            fitted.feature_names_in_ = np.asarray(path.feature_names, dtype=object)
        if path.groups is not None:
            fitted.groups_ = path.groups
        if path.ranked:
            fitted.clusters_ = path.cluster_labels(alpha).reshape(fitted.coef_.shape)
        return fitted

    def program(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Any:
        """The fit's objective as a cvxpy program, to read, change or solve by other means.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``

        Returns
        -------
        Program
            ``problem`` is the cvxpy problem, ``variables`` its named parts on the data's own scale.
        """
        from sklearn.base import clone

        from ..backend.programs.slope import program
        from ..backend.standardize import resolved

        worker = clone(self)
        problem = worker._problem(X, y, sample_weight, offset)
        alpha = DEFAULT_FRACTION * alpha_max(problem) if self.alpha is None else self.alpha
        return program(resolved(problem), alpha, constraints=self.constraints, names=worker._term_columns())

    def _linear_predictor(self, X: Any, offset: Any) -> np.ndarray:
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        coef = np.atleast_2d(self.coef_)
        eta = np.asarray(X @ coef.T, dtype=np.float64) + self.intercept_
        if len(coef) == 1:
            eta = eta[:, 0]
        if offset is not None:
            return eta + check_offset(offset, X.shape[0], len(coef))
        if self._has_offset:
            raise ValueError("this model was fitted with an offset; predict needs offset= for the new rows")
        return eta

    def __report__(self) -> Report:
        sequence = self.sequence if isinstance(self.sequence, str) else "custom"
        shown = f"sequence {sequence}"
        if isinstance(self.sequence, str) and sequence not in ("lasso", "oscar"):
            shown += f", q = {self.q:.2f}"
        return Report(
            headline=f"{self._headline}, {self._loss.name}",
            settings=f"{shown}; standardize = {self.standardize}",
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _check_group_factors(factor: np.ndarray, groups: np.ndarray | None, names: list) -> None:
    for g, name in enumerate(names):
        values = factor[groups == g]
        values = values[values > 0]
        if len(values) and np.any(values != values[0]):
            shown = repr(name) if isinstance(name, str) else name  # numpy's numbers would show their type
            raise ValueError(
                'standardize="group" needs one penalty_factor for the penalised columns of a group; '
                f"group {shown} has {sorted(set(values.tolist()))}"
            )

"""What every estimator with a regularisation path shares: fit, path, cross-validation, prediction.

A family says what its loss and penalty are; everything else is here once.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backend import losses
from ..backend.certificate import Certificate, warn_unconverged
from ..backend.path import Relative, alpha_max, known_alphas, solve_path
from ..backend.problem import PathResult, Problem
from ..backend.refit import free_columns_separate, refit, selected_clusters, selected_columns
from ..exceptions import DataWarning
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

DEFAULT_FRACTION = 0.1
"""``alpha=None`` stands for this share of the data's alpha_max."""


FOLD_TOL = 1e-6
"""Certificate asked of the paths inside a cross-validation, at most; the model that is returned meets ``tol``."""

SQUARED_FOLD_TOL = 1e-5
"""The same for the squared loss, whose gap bounds what predictions can still move by."""

FOLD_SHARE = 2e-3
"""Largest product of a fold's certificate and its rows: a curve over more rows has smaller standard errors."""


def fold_tol(loss: Any, n: int) -> float:
    """Certificate asked of a fold of n rows, as a share of the null objective.

    For the squared loss a share t bounds the root mean square change of the fitted values by sqrt(t) deviations of
    the response. A mean squared error of r deviations squared over n rows like these then moves by 2 r sqrt(t) at most
    where its standard error is about r^2 sqrt(2 / n): by sqrt(2 n t) / r <= 0.064 / r of it. Held-out rows have no such
    bound; there, changes of 0.03 standard errors were the largest seen.
    """
    return min(SQUARED_FOLD_TOL if loss.native == "gaussian" else FOLD_TOL, FOLD_SHARE / n)


NEAR = 1e-8
"""Distance of fitted means from their responses at which an unpenalised fit looks separated."""


def warn_separated(problem: Problem, result: PathResult, stacklevel: int = 3) -> None:
    """Tell of columns without a penalty that reach responses where the loss falls for ever."""
    if len(result.alphas) == 0 or problem.loss.recession(problem.y) is None:
        return
    unpenalised = result.alphas[-1] == 0
    if not unpenalised and problem.penalized.all():
        return
    eta = problem.X @ result.coefs[-1].T + result.intercepts[-1]
    eta = eta if problem.offset is None else eta + problem.offset
    fitted = problem.loss.mean(eta)
    near = np.abs(fitted - problem.y) < NEAR
    reached = int(np.count_nonzero(near.reshape(len(near), -1).all(axis=1)))
    if not reached:
        return
    if unpenalised:
        where, what, remedy = "at alpha = 0", "columns may separate", "A small alpha > 0 has one."
    elif free_columns_separate(problem, eta):
        where, what = "with columns left free of the penalty", "free columns separates"
        remedy = "A penalty on them, small as it may be, has one."
    else:
        return
    warnings.warn(
        f"{where} the fitted means of {reached} of {len(fitted)} rows are their responses: a combination of {what} "
        f"these, and then coefficients have no finite value. {remedy}",
        DataWarning,
        stacklevel=stacklevel,
    )


class PathEstimator(BaseEstimator):
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
        return validate_data(
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
        return validate_data(
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
        warn_unconverged(result.certificates, result.alphas, type(self).__name__, stacklevel=4)
        warn_separated(problem, result, stacklevel=4)
        return self._dress(problem, result)

    def _dress(self, problem: Problem, result: PathResult) -> Path:
        from ..backend.native.slope import deviations
        from ..backend.standardize import standardization

        names = getattr(self, "feature_names_in_", None)
        to_penalty = None  # then the columns' deviations are the map
        if problem.standardize == "group":
            to_penalty = standardization(problem).S
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
        problem = self._problem(X, y, sample_weight, offset)
        fraction = Relative(DEFAULT_FRACTION, DEFAULT_FRACTION, 1)
        result = self._solve(problem, fraction if self.alpha is None else [self.alpha])
        warn_unconverged(result.certificates, result.alphas, type(self).__name__)
        warn_separated(problem, result)
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

    def at(self, path: Path, alpha: float, *, has_offset: bool = False) -> Any:
        """A fitted copy of this estimator at one alpha of a path it made.

        Between two alphas of the path coefficients are interpolated and there is no certificate.

        Parameters
        ----------
        path : Path
        alpha : float, inside the path's range
        has_offset : bool
            Whether predictions must be given an offset.
        """
        from sklearn.base import clone

        fitted = clone(self).set_params(alpha=float(alpha))
        i, j, _ = path.locate(alpha)
        if i == j:
            fitted._take(path, i, has_offset)
        else:
            fitted._set_model(path.coef(alpha), path.intercept(alpha), has_offset)
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

    def relax(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        *,
        gamma: float = 0.0,
        clusters: bool = False,
    ) -> Any:
        """The selected model without the penalty's shrinkage (relaxed fit); this estimator stays as it is.

        The selected columns, and the free ones, are fitted again by the loss alone; coefficients and intercept
        are ``gamma`` times the penalised ones plus ``1 - gamma`` times these. Standard errors, intervals and
        p-values of such a refit are not valid: the columns were chosen by the same responses.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``, the same rows
        gamma : float in [0, 1], default 0
            0 is the unpenalised fit, 1 the penalised one.
        clusters : bool, default False
            One coefficient a cluster (SLOPE alone): its members keep their signs and their common size on
            the standardised scale.

        Returns
        -------
        estimator
            A copy with new ``coef_`` and ``intercept_``, and ``gamma_``. For gamma < 1 its ``certificate_`` is
            the unpenalised part's. Where selected columns depend on each other it has the shortest coefficients.

        Raises
        ------
        ValueError
            When there are no fewer parameters than rows, when the selected columns separate the classes, for
            gamma outside [0, 1], ``clusters=True`` where the penalty ranks no columns, an estimator with
            ``constraints``, or data with other columns.

        References
        ----------
        Meinshausen (2007), Relaxed lasso. Hastie, Tibshirani & Tibshirani (2020), Best subset, forward
        stepwise or lasso? (the mixture).

        Examples
        --------
        >>> import numpy as np
        >>> from sparsestats import SLOPE
        >>> X = np.random.default_rng(0).standard_normal((80, 5))
        >>> model = SLOPE(alpha=0.5).fit(X, 2 * X[:, 0])
        >>> float(model.coef_[0].round(2)), float(model.relax(X, 2 * X[:, 0]).coef_[0].round(2))
        (0.59, 2.0)
        """
        import copy

        path = self.relaxed_path(X, y, sample_weight, offset, gamma=gamma, clusters=clusters)
        relaxed = copy.copy(self)
        relaxed.gamma_ = float(gamma)
        relaxed._take(path, 0, offset is not None)
        if path.ranked:
            relaxed.clusters_ = path.cluster_labels(relaxed.alpha_).reshape(relaxed.coef_.shape)
        return relaxed

    def relaxed_path(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        *,
        gamma: float = 0.0,
        clusters: bool = False,
    ) -> Path:
        """The relaxed fit as a path of its one alpha; arguments and errors as in ``relax``.

        Returns
        -------
        Path
        """
        from time import perf_counter

        from sklearn.base import clone

        began = perf_counter()
        check_is_fitted(self)
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must be between 0 (unpenalised) and 1 (penalised); got {gamma!r}")
        if clusters and not self._ranked:
            raise ValueError(f"clusters=True needs SLOPE; {type(self).__name__} ranks no columns")
        if self.constraints is not None:
            raise ValueError("relax() knows no constraints; fit with alpha=0 and the same constraints instead")
        worker = clone(self)
        problem = worker._problem(X, y, sample_weight, offset)
        several, p = problem.y.shape[1:], problem.shape[1]
        if np.shape(self.coef_)[-1] != p or np.size(self.coef_) != problem.responses * p:
            raise ValueError(
                f"relax() needs the columns and classes of the fit: a coefficient for each of the {p} columns of X"
                f"{' and each class' if several else ''}; this model has {np.size(self.coef_)}"
            )
        coef, intercept = self.coef_.reshape(*several, p), np.reshape(self.intercept_, several)
        # Between two alphas of a path there is no certificate yet.
        certificate = getattr(self, "certificate_", None) or worker._solve(problem, [self.alpha_]).certificates[0]
        null, free = certificate.scale, ~problem.penalized
        if gamma < 1 and np.any((coef != 0) | free):
            M = (
                selected_clusters(coef, free, self.clusters_.reshape(coef.shape), self._penalty_scale(problem))
                if clusters
                else selected_columns(coef, free)
            )
            found = refit(problem, M, tol=self.tol)
            certificate = found.certificate
            warn_unconverged([certificate], [0.0], f"the relaxed {type(self).__name__}")
            coef = gamma * coef + (1 - gamma) * found.coef
            intercept = gamma * intercept + (1 - gamma) * found.intercept
        eta = problem.X @ coef.T + intercept + (0.0 if problem.offset is None else problem.offset)
        left = problem.loss.value(eta, problem.y, problem.sample_weight)
        result = PathResult(
            alphas=np.array([self.alpha_]),
            coefs=coef[None, :],
            intercepts=np.array([intercept]),
            certificates=[certificate],
            alpha_max=self.alpha_max_,
            deviance_ratio=np.array([1.0 - left / null if null > 0 else 0.0]),
            seconds=perf_counter() - began,
        )
        return worker._dress(problem, result)

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


@dataclass(frozen=True, eq=False)
class FoldPaths:
    """Paths on some of a problem's rows, to the tolerance of folds and without warnings of their own.

    Attributes
    ----------
    worker : PathEstimator
        Whose ``_problem`` made the problem; only read.
    problem : Problem
        Validated, without its rows, which come with the call.
    """

    worker: PathEstimator
    problem: Problem

    @classmethod
    def of(cls, worker: PathEstimator, problem: Problem) -> FoldPaths:
        return cls(worker, replace(problem, X=problem.X[:0], y=problem.y[:0], sample_weight=None, offset=None))

    def __call__(
        self, X: Any, y: np.ndarray, *, alphas: Any, sample_weight: Any, offset: Any, control: Any = None
    ) -> PathResult:
        """The path at these rows."""
        weights = check_weights(sample_weight, len(y))
        self.worker._check_weighted_response(y, weights)
        problem = replace(self.problem, X=X, y=self.worker._target(y), sample_weight=weights, offset=offset)
        return self.worker._solve(problem, alphas, control, tol=max(self.worker.tol, fold_tol(problem.loss, len(y))))


class OffsetScore:
    """The mean accuracy of a classifier, the R2 of a regressor, as in scikit-learn but for the offset."""

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """R2 of the predictions, or the share of rows whose class is met.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,)
        sample_weight : array-like (n,) or None
        offset : array-like (n,) or None
            Needed when the model was fitted with one.

        Returns
        -------
        float
        """
        measure: Any = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X, offset=offset), sample_weight=sample_weight))  # type: ignore[attr-defined]


class PathRegressor(OffsetScore, RegressorMixin, PathEstimator):
    """A path estimator of a mean, under a squared, Poisson or Huber loss."""

    @property
    def _loss(self) -> Any:
        if self.family == "huber":
            return losses.Huber(self.huber_delta)
        return losses.Poisson() if self.family == "poisson" else losses.Gaussian()

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        X, y = super()._check_X_y(X, y, checked)
        self._loss.validate_response(y)
        return X, y

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Predicted means, on the scale of the response.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        offset : array-like (n,) or None
            Needed when the model was fitted with one.

        Returns
        -------
        ndarray (n,)
        """
        return self._loss.mean(self._linear_predictor(X, offset))


class PathClassifier(OffsetScore, ClassifierMixin, PathEstimator):
    """A path estimator of the probabilities of classes: logistic for two, softmax for more."""

    @property
    def _responses(self) -> int:
        """Linear predictors of a row."""
        several = len(self.classes_) if hasattr(self, "classes_") else 2
        return several if several > 2 else 1

    @property
    def _loss(self) -> Any:
        return losses.Binomial() if self._responses == 1 else losses.Multinomial()

    def _target(self, y: np.ndarray) -> np.ndarray:
        return y if self._responses == 1 else np.asfortranarray(np.eye(self._responses)[y.astype(np.intp)])

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        X, y = self._arrays(X, y, checked)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_.tolist()[0]!r}; a classifier needs two")
        return X, codes.astype(np.float64)

    def _check_weighted_response(self, y: np.ndarray, weights: np.ndarray | None) -> None:
        counted = y if weights is None else y[weights > 0]
        rows = "rows" if weights is None else "rows with sample_weight > 0"
        present = np.unique(counted).astype(np.intp)
        if len(present) == 1:
            raise ValueError(f"{rows} have one class, {self.classes_.tolist()[present[0]]!r}; a classifier needs two")
        if len(present) < len(self.classes_):
            absent = np.delete(self.classes_, present).tolist()
            raise ValueError(
                f"no {rows.replace('rows', 'row', 1)} has class {absent[0]!r}; leave out the rows of classes without "
                "weight"
            )

    def _set_model(self, beta: np.ndarray, intercept: Any, has_offset: bool) -> None:
        self.coef_, self.intercept_ = np.atleast_2d(beta), np.atleast_1d(intercept)
        self._has_offset = has_offset

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Log odds of ``classes_[1]``, (n,); with K > 2 classes their linear predictors, (n, K)."""
        return self._linear_predictor(X, offset)

    def predict_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Probabilities of the classes in the order of ``classes_``, (n, K)."""
        prob = self._loss.mean(self._linear_predictor(X, offset))
        return prob if prob.ndim == 2 else np.column_stack([1 - prob, prob])

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """The most probable class, (n,)."""
        eta = self._linear_predictor(X, offset)
        return self.classes_[(eta > 0).astype(int) if eta.ndim == 1 else eta.argmax(axis=1)]


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
        """
        from .._core import ext
        from ..selection.crossval import cross_validate_path
        from ..selection.folds import check_cv
        from ..selection.scores import of_loss

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
            fold_path=FoldPaths.of(self, problem),
            family=of_loss(problem.loss),
            beside=None if alphas is None else fit_all_rows,
        )
        result = results[0]
        warn_unconverged(result.certificates, result.alphas, type(self).__name__)
        warn_separated(problem, result)
        self.path_ = self._dress(problem, result)
        self.cv_results_ = self.cv_.table
        self.alphas_ = result.alphas
        self.alpha_min_, self.alpha_1se_ = float(self.cv_.alpha_min), float(self.cv_.alpha_1se)
        row = self.cv_.index_min if self.selection == "min" else self.cv_.index_1se
        self._take(result, row, has_offset=offset is not None)
        if self._ranked:
            self._find_clusters(problem)
        return self

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The cross-validation curve; see ``CVResult.plot``."""
        check_is_fitted(self)
        return self.cv_.plot(ax=ax, **options)


def _check_group_factors(factor: np.ndarray, groups: np.ndarray | None, names: list) -> None:
    for g, name in enumerate(names):
        values = factor[groups == g]
        values = values[values > 0]
        if len(values) and np.any(values != values[0]):
            raise ValueError(
                f'standardize="group" needs one penalty_factor for the penalised columns of a group; {name!r} has '
                f"{sorted(set(values.tolist()))}"
            )

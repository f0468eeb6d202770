"""PRESTO: ordinal regression that shrinks towards proportional odds."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ..backend import ordinal, ordinal_path
from ..backend.certificate import Certificate, warn_unconverged
from ..backend.ordinal import OrdinalProblem, OrdinalResult
from ..backend.path import Relative
from ..backend.penalties import MCP, GroupSortedL1, Penalty, SortedL1
from ..backend.variables import Variables
from ..exceptions import DataWarning
from ..report.ordinal import OrdinalPath
from ..validation import check_groups, check_labels, check_penalty_factor, check_vector, check_weights
from ._fitted import forget
from ._misnamed import OF_ORDINAL, Answering
from ._read import read
from ._response import OffsetScore
from ._separation import NEAR
from .categories import OrdinalRows, check_counts, check_present, code, order_of, repeat_rows

DEFAULT_FRACTION = 0.1
"""``alpha=None`` stands for this share of the data's alpha_max."""

PENALTIES: dict[str, Penalty | None] = {
    "l1": None,
    "group": GroupSortedL1("lasso"),
    "slope": SortedL1("bh"),
    "mcp": MCP(),
}
"""Penalties on the differences by name; None is the L1 of the core."""


class PRESTO(Answering, OffsetScore, ClassifierMixin, BaseEstimator):
    """Ordinal regression shrunk towards proportional odds (PRESTO), made for classes that are rare.

    P(Y <= k | x) = F(a_k + x'b_k) at the K - 1 boundaries between K ordered classes. Minimises

        -(1/n) sum_i w_i log P(Y = y_i | x_i)
            + alpha sum_j f_j [ first_penalty h(psi_j1) + sum_{k>=2} h(psi_jk) ],
        h(t) = l1_ratio |t| + (1 - l1_ratio) t^2 / 2,

    with psi_j1 = s_j b_j1 and psi_jk = s_j (b_jk - b_j,k-1), s the columns' standard deviations. Where all
    psi_jk, k >= 2, are 0 the odds are proportional. A positive coefficient moves towards LOWER categories.

    Parameters
    ----------
    alpha : float >= 0 or None, default None
        Penalty strength; None is 0.1 times the data's alpha_max, kept in ``alpha_``. 0 is maximum likelihood.
    l1_ratio : float in [0, 1], default 1.0
        Share of the absolute against the squared part of h.
    first_penalty : float >= 0, default 1.0
        Weight of the first boundary's coefficients: 1 as published, 0 shrinks to proportional odds alone.
    parallel : bool or list of column names or positions, default False
        Columns held to proportional odds: none, all, or those named.
    family : {"cumulative", "sratio", "cratio", "acat"}, default "cumulative"
        P(Y <= k); stopping ratio P(Y = k | Y >= k); continuation ratio P(Y <= k | Y <= k + 1); adjacent
        categories P(Y = k | Y in {k, k + 1}). All but the first can never give negative probabilities.
    link : {"logit", "probit", "cloglog", "loglog"}, default "logit"
        F. Adjacent categories know logit only.
    categories : "auto" or sequence, default "auto"
        The classes in their order. "auto" takes an ordered dtype's, else sorts them, with a warning where
        sorting says nothing (strings).
    reverse : bool, default False
        Model P(Y > k) instead, with the chain of differences anchored at the last boundary: for data whose
        first class is the rare one. Positive coefficients then move towards higher categories.
    monotone : {"auto", "none", "train", "box"}, default "auto"
        Where boundaries must not cross (cumulative family): "none" nowhere but in each row's own class;
        "train" at every row of X; "auto" the same, from the first alpha whose free fit crosses; "box" at
        every point of the box that X spans (through cvxpy).
    repair : {"rearrange", "isotonic", "clip", "raise"}, default "rearrange"
        What predictions do with rows whose boundaries cross all the same; they are counted and warned about.
    standardize : bool, default True
        Scale columns to unit variance (divisor n, weighted). Coefficients come back on the data's own scale.
    penalty : {"l1", "group", "slope", "mcp"} or Penalty, default "l1"
        J in place of the sum of h, then alpha J(f psi), psi_j1 times first_penalty: "group" sums
        sqrt(size) ||.|| over groups of differences (k >= 2) and over groups of first coefficients, so that a
        column leaves proportional odds at all boundaries or at none; "slope" is sorted L1 over all
        (``ss.penalties.SortedL1("bh", q=0.1)``); "mcp" does not shrink large differences
        (``ss.penalties.MCP(gamma=3.0)``, its concavity relative to the curvature of the likelihood at the null
        model), is not convex and certified by stationarity. Or a penalty of ``ss.penalties`` or your own. All
        but "l1" need l1_ratio 1. "box" needs a convex penalty and link="logit".
    groups : None, "auto", array of p hashable labels, or dict column name -> label
        Columns whose differences enter together under a penalty on groups; None is each column alone.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        f; 0 leaves a column unpenalised at every boundary.
    solver : {"auto", "cvxpy"}, default "auto"
        The compiled proximal Newton method, or the same objective as a cvxpy program.
    tol : float > 0, default 1e-8
        Duality gap asked for, as a share of the null objective.
    max_iter : int >= 1, default 100
        Newton steps at each alpha.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints``; ``variables["coef"]`` (K-1, p) and
        ``variables["intercept"]`` (K-1,) on the data's own scale, boundaries as in ``coef_``, and for
        DataFrames columns by name, (K-1, 1). Chooses ``solver="cvxpy"``.
    verbose : int, default 0
        1 shows progress where there is some to show.

    Attributes
    ----------
    categories_ : ndarray (K,), in their order
    classes_ : ndarray (K,), sorted; the columns of ``predict_proba``
    coef_ : ndarray (K-1, p), one row a boundary, in the order of ``categories_``
    intercept_ : ndarray (K-1,)
    alpha_, alpha_max_, alpha_po_ : float
        ``alpha_po_`` is the smallest alpha at which the fit is proportional odds (inf for a pure ridge, NaN for
        a penalty other than "l1").
    certificate_ : Certificate
    n_crossing_ : int
        Rows at which the fit without order constraints had boundaries out of order. A path makes that fit down to the
        first alpha where some cross; smaller ones are fitted in order from the start and say 0.
    ordered_ : bool
        Whether order constraints were imposed.
    n_iter_ : int

    Raises
    ------
    ValueError
        At ``fit``, for bad data or parameters out of range, a single class, or a category without rows.

    References
    ----------
    Faletto & Bien (2023), Predicting rare events by shrinking towards proportional odds, ICML. Groups: Yuan & Lin
    (2006); SLOPE: Bogdan et al. (2015); MCP: Zhang (2010), by local linear approximation (Zou & Li 2008).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import PRESTO
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 4))
    >>> y = np.digitize(X[:, 0] + rng.logistic(size=300), [0.0, 2.0])
    >>> bool(PRESTO(alpha=0.01).fit(X, y).certificate_.converged)
    True
    """

    _ours = OF_ORDINAL
    _parameter_constraints: ClassVar[dict] = {
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "first_penalty": [Interval(Real, 0, None, closed="left")],
        "parallel": ["boolean", "array-like"],
        "family": [StrOptions(set(ordinal.FAMILIES))],
        "link": [StrOptions(set(ordinal.LINKS))],
        "categories": [Options(str, {"auto"}), "array-like"],
        "reverse": ["boolean"],
        "monotone": [StrOptions({"auto", "none", "train", "box"})],
        "repair": [StrOptions({"rearrange", "isotonic", "clip", "raise"})],
        "standardize": ["boolean"],
        "penalty": [StrOptions(set(PENALTIES)), Penalty],
        "groups": [None, str, "array-like", dict],
        "penalty_factor": ["array-like", dict, None],
        "solver": [StrOptions({"auto", "cvxpy"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "constraints": [callable, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        alpha: float | None = None,
        *,
        l1_ratio: float = 1.0,
        first_penalty: float = 1.0,
        parallel: Any = False,
        family: str = "cumulative",
        link: str = "logit",
        categories: Any = "auto",
        reverse: bool = False,
        monotone: str = "auto",
        repair: str = "rearrange",
        standardize: bool = True,
        penalty: str | Penalty = "l1",
        groups: Any = None,
        penalty_factor: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 100,
        constraints: Any = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.first_penalty = first_penalty
        self.parallel = parallel
        self.family = family
        self.link = link
        self.categories = categories
        self.reverse = reverse
        self.monotone = monotone
        self.repair = repair
        self.standardize = standardize
        self.penalty = penalty
        self.groups = groups
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.constraints = constraints
        self.verbose = verbose

    # ---- from data to a problem

    def _rows(self, X: Any, y: Any, sample_weight: Any, offset: Any, *, need_all: bool = True) -> OrdinalRows:
        """Check the data; learn the categories and what else scikit-learn wants set by ``fit``."""
        self._validate_params()
        if self.family == "acat" and self.link != "logit":
            raise ValueError(f'family="acat" knows link="logit" only; got link={self.link!r}')
        given = None if isinstance(self.categories, str) else np.asarray(self.categories)
        shape = np.asarray(y).shape
        tallied = len(shape) == 2 and shape[1] >= 2
        if tallied:
            counts = check_counts(y)
            X = read(self, X, **_READ)
        else:
            check_labels(y)
            given = order_of(y) if given is None else given
            X, y = read(self, X, y, **_READ)
            if y.dtype.kind not in "iub":  # whole numbers always are classes
                check_classification_targets(y)
        n = X.shape[0]
        weight = check_weights(sample_weight, n)
        shift = None if offset is None else check_vector(offset, n, "offset")
        if tallied:
            if len(counts) != n:
                raise ValueError(f"counts need one row for each of the {n} rows of X; got {len(counts)}")
            self._set_categories(np.arange(counts.shape[1]) if given is None else given)
            rows = repeat_rows(X, counts, weight, shift, self.categories_)
        else:
            order, codes = code(y, given, need_all)
            self._set_categories(order)
            rows = OrdinalRows(X, codes, weight, shift, np.arange(n))
        check_present(rows.codes, rows.sample_weight if weight is not None else None, self.categories_, need_all)
        return rows

    def _set_categories(self, order: np.ndarray) -> None:
        self.categories_ = order
        self.classes_ = np.sort(order)

    def _problem(self, rows: OrdinalRows) -> OrdinalProblem:
        X: Any = rows.X
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()  # it may be the caller's own
            X.sum_duplicates()
        K = len(self.categories_)
        return OrdinalProblem(
            X=X,
            codes=K - 1 - rows.codes if self.reverse else rows.codes,
            n_classes=K,
            penalty_weights=self._penalty_weights(rows.X.shape[1], K - 1),
            sample_weight=rows.sample_weight,
            offset=rows.offset,
            family=self.family,
            link=self.link,
            l1_ratio=float(self.l1_ratio),
            standardize=bool(self.standardize),
            monotone=self.monotone,
            penalty=self._penalty(),
            groups=self._groups(rows.X.shape[1]),
        )

    def _penalty(self) -> Penalty | None:
        """The penalty on the differences; None for the L1, which the core mixes with squares."""
        chosen = PENALTIES[self.penalty] if isinstance(self.penalty, str) else self.penalty
        if chosen is None or chosen.native == "l1":
            return None
        if self.l1_ratio != 1:
            raise ValueError(
                f"l1_ratio mixes the L1 penalty with squares; the {chosen.name} penalty needs l1_ratio=1, "
                f"got {self.l1_ratio}"
            )
        return chosen

    def _groups(self, p: int) -> np.ndarray | None:
        """Labels of the columns; None where the penalty knows no groups."""
        penalty = self._penalty()
        if penalty is None or not penalty.grouped:
            return None
        return check_groups(self.groups, p, getattr(self, "feature_names_in_", None))[0]

    def _penalty_weights(self, p: int, m: int) -> np.ndarray:
        names = getattr(self, "feature_names_in_", None)
        factor = check_penalty_factor(self.penalty_factor, p, names)
        weights = np.ones((p, m))
        weights[:, 0] = self.first_penalty
        if factor is not None:
            weights *= factor[:, None]
        weights[np.ix_(self._parallel_columns(p, names), np.arange(1, m))] = np.inf
        return weights

    def _parallel_columns(self, p: int, names: np.ndarray | None) -> np.ndarray:
        """Positions of the columns held to proportional odds."""
        if isinstance(self.parallel, bool | np.bool_):
            return np.arange(p if self.parallel else 0)
        position = {} if names is None else {str(name): j for j, name in enumerate(names)}
        found = []
        for column in self.parallel:
            if isinstance(column, str):
                if column not in position:
                    raise ValueError(f"parallel names {column!r}, which is not a column of X")
                found.append(position[column])
            elif isinstance(column, int | np.integer) and not isinstance(column, bool) and 0 <= column < p:
                found.append(int(column))
            else:
                raise ValueError(f"parallel must name columns or give positions 0..{p - 1}; got {column!r}")
        return np.unique(np.array(found, dtype=int))

    # ---- fitting

    def _solve(self, problem: OrdinalProblem, alphas: Any, control: Any = None) -> OrdinalResult:
        return ordinal_path.solve_path(
            problem, alphas, tol=self.tol, max_iter=self.max_iter, solver=self.solver,
            constraints=self._asked(), control=control,
        )  # fmt: skip

    def _asked(self) -> Any:
        """The user's constraints as the program takes them."""
        if self.constraints is None:
            return None
        return lambda variables: self.constraints(self._variables(variables))

    def _variables(self, variables: Any) -> Any:
        """A program's variables as ``coef_`` and ``intercept_`` have them, and columns by name.

        The program of a model with ``reverse`` counts the boundaries from the other end.
        """
        own = {name: value[::-1] if self.reverse else value for name, value in variables.items()}
        names = getattr(self, "feature_names_in_", ())
        return Variables(own, "coef", {str(name): [j] for j, name in enumerate(names)})

    def _fold_path(self, X: Any, y: Any, *, alphas: Any, sample_weight: Any, offset: Any, control: Any = None) -> Any:
        """The path of one fold, without warnings of its own; a fold may miss a category."""
        problem = self._problem(self._rows(X, y, sample_weight, offset, need_all=False))
        return self._dress(problem, self._solve(problem, alphas, control))

    def alpha_max(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The smallest alpha at which every penalised coefficient is 0, for this data.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``
        """
        worker = clone(self)
        return ordinal_path.alpha_max(worker._problem(worker._rows(X, y, sample_weight, offset)))

    def alpha_po(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The smallest alpha at which the fit to this data is proportional odds; inf when ``l1_ratio`` is 0.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``
        """
        worker = clone(self)
        return ordinal_path.alpha_po(worker._problem(worker._rows(X, y, sample_weight, offset)))

    def path(self, X: Any, y: Any, alphas: Any = None, *, sample_weight: Any = None, offset: Any = None) -> OrdinalPath:
        """Fit the whole path; the estimator itself stays unfitted.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,), or counts (n, K)
        alphas : array-like, ``ss.relative(...)`` or None
            None is 100 geometric values from alpha_max to alpha_max / 100.
        sample_weight, offset : array-like (n,) or None

        Returns
        -------
        OrdinalPath

        Warns
        -----
        ConvergenceWarning
            When the certificate of some alpha is above ``tol``.
        """
        worker = clone(self)
        problem = worker._problem(worker._rows(X, y, sample_weight, offset))
        result = worker._solve(problem, alphas)
        warn_unconverged(result.certificates, result.alphas.tolist(), type(self).__name__)
        _warn_separated(problem, result, worker.categories_, self.reverse)
        return worker._dress(problem, result)

    def _dress(self, problem: OrdinalProblem, result: OrdinalResult) -> OrdinalPath:
        from ..backend.standardize import moments

        names = getattr(self, "feature_names_in_", None)
        flip = slice(None, None, -1) if self.reverse else slice(None)
        return OrdinalPath(
            alphas=result.alphas,
            coefs=result.coefs[:, flip],
            intercepts=result.intercepts[:, flip],
            certificates=result.certificates,
            alpha_max=result.alpha_max,
            deviance_ratio=result.deviance_ratio,
            stopped=result.stopped,
            seconds=result.seconds,
            feature_names=None if names is None else [str(name) for name in names],
            sd=moments(problem.X, problem.sample_weight)[1],
            info={
                **result.info,
                "crossing": result.crossing,
                "constrained": result.constrained,
                "loss": result.losses,
            },
            duals=result.duals,
            has_offset=problem.offset is not None,
            categories=self.categories_,
            family=self.family,
            link=self.link,
            reverse=self.reverse,
            repair=self.repair,
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> PRESTO:
        """Fit at ``alpha``.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,), or counts (n, K)
            Labels; or how often each category (a column each, in order) was seen in a row.
        sample_weight : array-like (n,) or None
            Weights >= 0, rescaled to sum to n.
        offset : array-like (n,) or None
            Added to the linear predictor of every boundary; ``predict`` then needs one too.

        Returns
        -------
        self
        """
        forget(self)
        problem = self._problem(self._rows(X, y, sample_weight, offset))
        fraction = Relative(DEFAULT_FRACTION, DEFAULT_FRACTION, 1)
        result = self._solve(problem, fraction if self.alpha is None else [self.alpha])
        warn_unconverged(result.certificates, result.alphas.tolist(), type(self).__name__)
        _warn_separated(problem, result, self.categories_, self.reverse)
        self._take(self._dress(problem, result), 0, offset is not None)
        self.alpha_po_ = ordinal_path.alpha_po(problem)
        return self

    def _take(self, path: OrdinalPath, row: int, has_offset: bool) -> None:
        """Sit at one row of a path."""
        self.coef_, self.intercept_ = path.coefs[row].copy(), path.intercepts[row].copy()
        self._has_offset = has_offset
        self.alpha_ = float(path.alphas[row])
        self.alpha_max_ = float(path.alpha_max)
        self.certificate_: Certificate = path.certificates[row]
        self.n_iter_ = max(1, self.certificate_.n_iter)
        self.n_crossing_ = int(path.info["crossing"][row])
        self.ordered_ = bool(path.info["constrained"][row])
        if path.duals is not None:
            self.duals_ = path.duals[row]

    def at(self, path: OrdinalPath, alpha: float) -> PRESTO:
        """A fitted copy of this estimator at one alpha of a path it made (interpolated between two of them).

        Parameters
        ----------
        path : OrdinalPath
        alpha : float, inside the path's range
        """
        fitted = clone(self).set_params(alpha=float(alpha))
        i, j, _ = path.locate(alpha)
        fitted._set_categories(path.categories)
        if i == j:
            fitted._take(path, i, path.has_offset)
        else:
            fitted.coef_, fitted.intercept_ = path.coef(alpha), path.intercept(alpha)
            fitted._has_offset = path.has_offset
            fitted.alpha_, fitted.alpha_max_ = float(alpha), path.alpha_max
        fitted.n_features_in_ = path.coefs.shape[2]
        if path.feature_names is not None:
            fitted.feature_names_in_ = np.asarray(path.feature_names, dtype=object)
        return fitted

    def program(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Any:
        """The fit's objective as a cvxpy program, to read, change or solve by other means.

        Parameters
        ----------
        X, y, sample_weight, offset : as in ``fit``

        Returns
        -------
        OrdinalProgram
            ``problem`` is the cvxpy problem, ``variables`` its ``"coef"`` and ``"intercept"``.
        """
        from ..backend.programs.ordinal import program

        worker = clone(self)
        problem = worker._problem(worker._rows(X, y, sample_weight, offset))
        alpha = DEFAULT_FRACTION * ordinal_path.alpha_max(problem) if self.alpha is None else self.alpha
        text = program(problem, alpha, constraints=worker._asked())
        return replace(text, variables=worker._variables(text.variables))

    # ---- predictions

    def linear_predictors(self, X: Any, offset: Any = None) -> np.ndarray:
        """eta at every boundary, (n, K-1).

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        offset : array-like (n,) or None
            Needed when the model was fitted with one.
        """
        check_is_fitted(self)
        X = read(self, X, reset=False, **_READ)
        eta = np.asarray(X @ self.coef_.T, dtype=np.float64) + self.intercept_
        if offset is not None:
            return eta + check_vector(offset, X.shape[0], "offset")[:, None]
        if self._has_offset:
            raise ValueError("this model was fitted with an offset; predict needs offset= for the new rows")
        return eta

    def _ordered_proba(self, X: Any, offset: Any) -> np.ndarray:
        """Probabilities in the order of ``categories_``."""
        eta = self.linear_predictors(X, offset)
        repaired = ordinal.probabilities(eta, self.family, self.link, self.repair, reverse=self.reverse)
        if repaired.repaired:
            warnings.warn(
                f"{repaired.repaired} of {len(eta)} rows have boundaries out of order; their probabilities "
                f'were mended (repair={self.repair!r}). monotone="box" keeps the order where the data reach.',
                DataWarning,
                stacklevel=3,
            )
        return repaired.probabilities

    def predict_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Probabilities of the classes in the order of ``classes_``, (n, K); rows sum to 1.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        offset : array-like (n,) or None

        Warns
        -----
        DataWarning
            With the number of rows that had to be repaired.
        """
        probabilities = self._ordered_proba(X, offset)
        return probabilities[:, np.argsort(self.categories_, kind="stable")]

    def predict_cumulative(self, X: Any, offset: Any = None) -> np.ndarray:
        """P(Y <= k) for all categories but the last, in the order of ``categories_``, (n, K-1).

        Parameters
        ----------
        X, offset : as in ``predict_proba``
        """
        return np.minimum(np.cumsum(self._ordered_proba(X, offset)[:, :-1], axis=1), 1.0)

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """The most probable class, (n,).

        Parameters
        ----------
        X, offset : as in ``predict_proba``
        """
        likeliest = np.argmax(self._ordered_proba(X, offset), axis=1)
        return self.categories_[likeliest]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _warn_separated(problem: OrdinalProblem, result: OrdinalResult, categories: np.ndarray, reverse: bool) -> None:
    """Tell of maximum likelihood that puts rows on their side of a boundary for sure."""
    if len(result.alphas) == 0 or result.alphas[-1] > 0:
        return
    eta = problem.X @ result.coefs[-1].T + result.intercepts[-1]
    eta = eta if problem.offset is None else eta + problem.offset[:, None]
    told = np.exp(ordinal.log_sides(eta, problem.codes, problem.family, problem.link))
    sure = 1 - told < NEAR  # false where a boundary says nothing of a row
    where = np.flatnonzero(sure.any(axis=0))
    if not len(where):
        return
    names = categories[::-1] if reverse else categories
    named = " and ".join(f"{names[k]} | {names[k + 1]}" for k in where)
    reached = int(np.count_nonzero(sure.any(axis=1)))
    warnings.warn(
        f"at alpha = 0 the fitted probabilities of {reached} of {len(sure)} rows are 1: a combination of columns may "
        f"separate categories at the boundar{'y' if len(where) == 1 else 'ies'} {named}. Then the likelihood has no "
        "maximum and coefficients there have no finite value. A small alpha > 0, fewer columns or parallel=True may "
        "give them one.",
        DataWarning,
        stacklevel=3,
    )


_READ: dict[str, Any] = {
    "accept_sparse": "csc", "dtype": [np.float64, np.float32], "order": "F", "accept_large_sparse": True,
}  # fmt: skip

"""PRESTO with its alpha chosen by cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..backend import ordinal_path
from ..backend.certificate import warn_unconverged
from ..backend.penalties import Penalty
from ..backend.variables import Variables
from ..validation import check_groups, check_penalty_factor
from ._crossval import CrossValidated
from ._fitted import forget
from .categories import n_observations
from .ordinal import PRESTO


class PRESTOCV(PRESTO):
    """PRESTO, alpha chosen by cross-validation.

    Minimises the objective of :class:`PRESTO` along a path; every fold fits its own path, keeps all
    categories and is scored by the probabilities of its models.

    Parameters
    ----------
    alphas : array-like, ``ss.relative(...)`` or None, default None
        The path; None is 100 geometric values from alpha_max to alpha_max / 100.
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
    cv : int, splitter or iterable of (train, test), default 10
        An int is shuffled stratified folds, whole ``row_groups`` kept together.
    scoring : str, callable or None
        "brier" (None), "log_loss", "rare_log_loss" and "rare_brier" (the rarest class against the others),
        "misclassification", any scikit-learn scorer, or ``scorer(estimator, X, y)``, which sees what a model predicts
        for a fold's held-out rows (``predict``, ``predict_proba``), not its coefficients.
    selection : {"min", "1se", "average"}, default "min"
        The best mean score, the largest alpha within one standard error of it, or no single alpha: the mean
        of the path's coefficients, each alpha weighted by its held-out likelihood to the power 0.1
        (``scoring="log_loss"``, then the default). The mean has less variance where classes are rare.
    n_jobs : int or None
        Folds at a time; the answer does not depend on it.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the folds.
    verbose : int, default 0
        1 shows progress where there is some to show.

    Attributes
    ----------
    alphas_ : ndarray (k,)
    alpha_min_, alpha_1se_ : float
    path_ : OrdinalPath
    cv_ : CVResult
    cv_results_ : DataFrame, one row a fold and alpha
    weights_ : ndarray (k,)
        Shares of the path's alphas in the model (with ``selection="average"`` only).
    categories_, classes_, coef_, intercept_, alpha_, alpha_max_, alpha_po_, certificate_, n_crossing_,
    ordered_
        As in :class:`PRESTO`. Of an average: ``alpha_`` is ``alpha_min_``, ``certificate_`` the worst among
        the models that make up 99.9 % of it.

    Raises
    ------
    ValueError
        As :class:`PRESTO`.

    Notes
    -----
    Where a class is rare one draw of the folds says little. On the ten simulated designs of the paper (80 draws each;
    benchmarks/results/rare_events.md) the squared error of the rare class's probabilities was, as a share of the
    published rule's: 0.94 with the default, 0.91 with ``scoring="log_loss"``, 0.90 with
    ``scoring="log_loss", cv=ss.folds(5, repeats=5)``, 0.80 with ``selection="average"``.

    References
    ----------
    Faletto & Bien (2023), Predicting rare events by shrinking towards proportional odds, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 4))
    >>> y = np.digitize(X[:, 0] + rng.logistic(size=300), [0.0, 2.0])
    >>> model = ss.PRESTOCV(ss.relative(1, 0.05, 10), cv=5).fit(X, y)
    >>> model.alpha_min_ <= model.alpha_1se_
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in PRESTO._parameter_constraints.items() if k != "alpha"},
        **CrossValidated._cv_constraints,
        "selection": [StrOptions({"min", "1se", "average"})],
    }

    def __init__(
        self,
        alphas: Any = None,
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
        cv: Any = 10,
        scoring: Any = None,
        selection: str = "min",
        n_jobs: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.alphas = alphas
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
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, row_groups: Any = None) -> PRESTOCV:
        """Fit the path, cross-validate it, and sit at the chosen alpha.

        Parameters
        ----------
        X, y, sample_weight, offset : as in :meth:`PRESTO.fit`
            Rows of counts are never parted between training and held-out rows.
        row_groups : array-like (n,) or None
            Rows with one label are held out together.

        Returns
        -------
        self
        """
        from .._core import ext
        from ..selection.folds import check_cv
        from ..selection.ordinal import cross_validate_ordinal

        forget(self)
        rows = self._rows(X, y, sample_weight, offset)
        averaged = self.selection == "average"
        if averaged and self.scoring not in (None, "log_loss"):
            raise ValueError(
                f'selection="average" weighs by likelihood: scoring must be "log_loss", got {self.scoring!r}'
            )
        problem = self._problem(rows)
        control = ext.Control()
        result = self._solve(problem, self.alphas, control)
        warn_unconverged(result.certificates, result.alphas.tolist(), type(self).__name__)
        labels = self.categories_[rows.codes]
        if len(np.unique(rows.source)) < len(rows.source):  # counts: a row's outcomes stay together
            row_groups = rows.source if row_groups is None else np.asarray(row_groups)[rows.source]
        splits = check_cv(self.cv, labels, classifier=True, row_groups=row_groups, random_state=self.random_state)
        self.path_ = self._dress(problem, result)
        self.cv_ = replace(
            cross_validate_ordinal(
                self._single(), rows.X, labels, categories=self.categories_, alphas=result.alphas,
                splits=splits, scoring="log_loss" if averaged else self.scoring,
                sample_weight=rows.sample_weight, offset=rows.offset, n_jobs=self.n_jobs,
                verbose=self.verbose, control=control,
            ),
            n_nonzero=self.path_.n_nonzero,
        )  # fmt: skip
        self.alphas_ = result.alphas
        self.alpha_min_, self.alpha_1se_ = float(self.cv_.alpha_min), float(self.cv_.alpha_1se)
        self._take(self.path_, self.cv_.index("min" if averaged else self.selection), offset is not None)
        if averaged:
            self._average(n_observations(y, sample_weight))
        self.alpha_po_ = ordinal_path.alpha_po(problem)
        return self

    def _average(self, n: int) -> None:
        """Mean coefficients of the path, alphas weighted by their held-out likelihood."""
        from ..selection.rules import likelihood_shares

        self.weights_ = likelihood_shares(self.cv_.mean, n)
        mean = self.path_.averaged(self.weights_, self.alpha_min_)
        self.coef_, self.intercept_ = mean.coefs[0].copy(), mean.intercepts[0].copy()
        self.certificate_ = mean.certificates[0]

    def _single(self) -> PRESTO:
        """The same model without cross-validation, columns by position (folds have no column names)."""
        known = PRESTO().get_params()
        shared = {k: v for k, v in self.get_params(deep=False).items() if k in known}
        p, names = self.n_features_in_, getattr(self, "feature_names_in_", None)
        shared["penalty_factor"] = check_penalty_factor(self.penalty_factor, p, names)
        if self.groups is not None:
            shared["groups"] = check_groups(self.groups, p, names)[0]
        if not isinstance(self.parallel, bool | np.bool_):
            shared["parallel"] = self._parallel_columns(p, names).tolist()
        given = self.constraints
        if given is not None and names is not None:
            columns = {str(name): [j] for j, name in enumerate(names)}
            shared["constraints"] = lambda variables: given(Variables(variables, "coef", columns))
        return PRESTO(**shared)

    @property
    def cv_results_(self) -> pd.DataFrame:
        """One row a fold and alpha; see ``CVResult.table``."""
        check_is_fitted(self)
        return self.cv_.table

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The cross-validation curve; see ``CVResult.plot``."""
        check_is_fitted(self)
        return self.cv_.plot(ax=ax, **options)

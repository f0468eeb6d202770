"""Any loss with any penalty, the user's own among them."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from ..backend.losses import Gaussian, Loss
from ..backend.path import solve_path
from ..backend.penalties import L1, Penalty
from ..backend.problem import PathResult, Problem
from ..report.protocol import Report
from ..validation import check_groups
from ._crossval import CrossValidated
from ._response import PathRegressor


class Penalized(PathRegressor):
    """Penalised regression from its two parts, a loss and a penalty.

    Minimises  (1/n) sum_i w_i l(y_i, b0 + x_i'b) + alpha J(f * S b),

    S the standardisation, f the penalty factors, and J over the columns whose factor is not 0. Losses and
    penalties that the compiled core knows are solved there; all others by the readable proximal solver, which
    needs no more of a penalty than ``value`` and ``prox``.

    Parameters
    ----------
    loss : Loss or None, default None
        From ``ss.losses``, or a subclass of ``ss.losses.Loss``; None is ``ss.losses.Gaussian()``.
    penalty : Penalty or None, default None
        From ``ss.penalties``, or a subclass of ``ss.penalties.Penalty``; None is ``ss.penalties.L1()``.
    alpha : float >= 0 or None, default None
        Penalty strength on the standardised scale; None is 0.1 times the data's alpha_max, kept in
        ``alpha_``. 0 drops the penalty.
    standardize : {True, False, "group"}, default True
        True scales columns to unit variance (divisor n, weighted); "group" makes each group orthonormal.
        Coefficients come back on the data's own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies what the penalty sees of a column; 0 leaves the column free.
    groups : None, "auto", array of p hashable labels, or dict column name -> label
        For penalties that act on groups; None takes the penalty's own labels, or every column alone.
    solver : {"auto", "proximal", "cvxpy"}, default "auto"
        The compiled core where it knows both parts, else "proximal"; "cvxpy" needs their ``expression``.
    tol : float > 0, default 1e-8
        Certificate asked for, as a share of the null objective.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale. Chooses ``solver="cvxpy"``.

    Attributes
    ----------
    coef_ : ndarray (p,), or (K, p) under a loss of K linear predictors (``ss.losses.Multinomial``, whose y holds
        probabilities of the classes, (n, K))
    intercept_ : float, or ndarray (K,)
    alpha_, alpha_max_ : float
    certificate_ : Certificate
        A duality gap where the loss has ``conjugate`` and the penalty ``dual_norm``, else the size of the
        prox-gradient residual.
    n_iter_ : int
    groups_ : int ndarray (p,), labels 0..m-1 (penalties on groups only)
    duals_ : list, multipliers of the constraints (with ``constraints`` only)

    Raises
    ------
    MissingMethodError
        At ``fit``, naming the methods that the loss or the penalty lacks for this solver.
    ValueError
        At ``fit``, for bad data, a response the loss has no value for, parameters out of range, or
        ``alpha=None`` under a penalty that no alpha makes all zero.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> model = ss.Penalized(ss.losses.Gaussian(), ss.penalties.SortedL1(q=0.2), alpha=0.1)
    >>> model.fit(X, 2 * X[:, 0]).coef_.round(2).tolist()
    [1.75, 0.0, 0.0, 0.0, 0.0]
    """

    _headline: ClassVar[str] = "Penalised regression"
    _parameter_constraints: ClassVar[dict] = {
        "loss": [Loss, None],
        "penalty": [Penalty, None],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "standardize": ["boolean", StrOptions({"group"})],
        "fit_intercept": ["boolean"],
        "penalty_factor": ["array-like", dict, None],
        "groups": [None, str, "array-like", dict],
        "solver": [StrOptions({"auto", "cvxpy", "proximal"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "constraints": [callable, None],
    }

    def __init__(
        self,
        loss: Loss | None = None,
        penalty: Penalty | None = None,
        alpha: float | None = None,
        *,
        standardize: bool | str = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        groups: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        constraints: Any = None,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.groups = groups
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.constraints = constraints

    @property
    def _loss(self) -> Loss:  # type: ignore[override]
        return Gaussian() if self.loss is None else self.loss

    def _penalty(self) -> Penalty:
        return L1() if self.penalty is None else self.penalty

    @property
    def _grouped(self) -> bool:  # type: ignore[override]
        return self.groups is not None or self._penalty().grouped

    def _problem(
        self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None, *, checked: bool = False
    ) -> Problem:
        problem = super()._problem(X, y, sample_weight, offset, checked=checked)
        problem.loss.validate_response(problem.y)
        if self.groups is not None or problem.penalty.groups is None:
            return problem
        names = getattr(self, "feature_names_in_", None)
        self.groups_, self._group_names = check_groups(problem.penalty.groups, problem.shape[1], names)
        return replace(problem, groups=self.groups_)

    def _solve(self, problem: Problem, alphas: Any, control: Any = None, tol: float | None = None) -> PathResult:
        return solve_path(
            problem,
            alphas,
            tol=self.tol if tol is None else tol,
            max_iter=self.max_iter,
            solver=self.solver,
            constraints=self.constraints,
            names=self._term_columns(),
            control=control,
        )

    def __report__(self) -> Report:
        return Report(
            headline=f"{self._headline}, {self._loss.name}",
            settings=f"penalty {self._penalty().name}; standardize = {self.standardize}",
            not_saveable="A Penalized fit cannot be saved as JSON: its loss and penalty are Python objects, and a "
            "saved fit holds numbers and names only, so that loading one runs no code. Keep fit.tidy(path=True), or "
            "pickle fit.estimator where you trust the file. A loss and penalty that a named model has (ss.slope, "
            "ss.gslope, ss.sgslope) are saved through that one.",
        )


class PenalizedCV(CrossValidated, Penalized):
    """Penalised regression from a loss and a penalty, alpha chosen by cross-validation.

    Minimises  (1/n) sum_i w_i l(y_i, b0 + x_i'b) + alpha J(f * S b)

    at the alpha whose models predict held-out rows best; see ``Penalized``.

    Parameters
    ----------
    loss : Loss or None, default None
        From ``ss.losses``, or a subclass of ``ss.losses.Loss``; None is ``ss.losses.Gaussian()``.
    penalty : Penalty or None, default None
        From ``ss.penalties``, or a subclass of ``ss.penalties.Penalty``; None is ``ss.penalties.L1()``.
    alphas : array-like, ``ss.relative(...)`` or None, default None
        Penalty strengths >= 0; None is 100 geometric values from alpha_max to alpha_max / 100.
    standardize : {True, False, "group"}, default True
        True scales columns to unit variance (divisor n, weighted), inside each fold; "group" makes each group
        orthonormal. Coefficients come back on the data's own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies what the penalty sees of a column; 0 leaves the column free.
    groups : None, "auto", array of p hashable labels, or dict column name -> label
        For penalties that act on groups; None takes the penalty's own labels, or every column alone.
    solver : {"auto", "proximal", "cvxpy"}, default "auto"
        The compiled core where it knows both parts, else "proximal"; "cvxpy" needs their ``expression``.
    tol : float > 0, default 1e-8
        Certificate asked for, as a share of the null objective; paths of the folds stop at 1e-5 (squared loss) or
        1e-6, or at 0.002 over their rows where that is less.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale. Chooses ``solver="cvxpy"``.
    cv : int, splitter or iterable of (train, test), default 10
        An int means shuffled folds.
    scoring : str, callable or None
        None is the default of the loss: "mse" (gaussian), "log_loss" (binomial), "deviance" (poisson), "mae" (huber).
        A loss of your own has "loss" (itself, on held-out rows, the default), "mse" and "mae". Or any score of
        scikit-learn, or ``scorer(estimator, X, y)``, which sees what a model predicts for a fold's held-out rows
        (``predict``), not its coefficients.
    selection : {"min", "1se"}, default "min"
        The alpha with the best mean score, or the largest within one standard error of it.
    n_jobs : int or None
        Folds at a time, -1 for all cores, None for one or what ``joblib.parallel_config`` says; the answer does
        not depend on it.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the shuffled folds.
    verbose : int, default 0
        1 shows progress.

    Attributes
    ----------
    coef_ : ndarray (p,)
    intercept_ : float
    alpha_, alpha_max_, alpha_min_, alpha_1se_ : float
    alphas_ : ndarray (k,)
    certificate_ : Certificate
        A duality gap where the loss has ``conjugate`` and the penalty ``dual_norm``, else stationarity.
    n_iter_ : int
    path_ : Path
    cv_ : CVResult
    cv_results_ : DataFrame, one row a fold and alpha

    Raises
    ------
    MissingMethodError
        At ``fit``, naming the methods that the loss or the penalty lacks for this solver.
    ValueError
        At ``fit``, for bad data, a response the loss has no value for, or parameters out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> X = np.random.default_rng(0).normal(size=(80, 5))
    >>> y = 2 * X[:, 0] + np.random.default_rng(1).normal(size=80)
    >>> model = ss.PenalizedCV(penalty=ss.penalties.SortedL1(q=0.2), cv=5, selection="1se").fit(X, y)
    >>> np.flatnonzero(model.coef_).tolist()
    [0]
    """

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in Penalized._parameter_constraints.items() if k != "alpha"},
        **CrossValidated._cv_constraints,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        loss: Loss | None = None,
        penalty: Penalty | None = None,
        alphas: Any = None,
        *,
        standardize: bool | str = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        groups: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        constraints: Any = None,
        cv: Any = 10,
        scoring: Any = None,
        selection: str = "min",
        n_jobs: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.loss = loss
        self.penalty = penalty
        self.alphas = alphas
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.groups = groups
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

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        if self._loss.multivariate:
            raise ValueError(
                f"PenalizedCV scores one linear predictor a row, the {self._loss.name} loss has several; "
                "SLOPEClassifierCV and its kin cross-validate labels of three classes and more"
            )
        return super()._check_X_y(X, y, checked)

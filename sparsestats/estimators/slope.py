"""SLOPE: sorted-L1 selection of variables."""

from __future__ import annotations

from typing import Any, ClassVar

from ..backend.penalties import SortedL1
from ._crossval import CrossValidated
from ._path import PathEstimator
from ._response import PathClassifier, PathRegressor


class _Elementwise(PathEstimator):
    _headline: ClassVar[str] = "SLOPE"
    _ranked: ClassVar[bool] = True

    def _penalty(self) -> Any:
        return SortedL1(sequence=self.sequence, q=self.q)


class SLOPE(_Elementwise, PathRegressor):
    """SLOPE regression.

    Minimises  (1/2n) sum_i w_i (y_i - b0 - x_i'b)^2 + alpha sum_k v_k |s b|_(k),

    w the rows' weights (their sum n), s the columns' standard deviations, |.|_(1) >= |.|_(2) >= ... and v
    non-increasing. Equal v is the lasso.

    Parameters
    ----------
    alpha : float >= 0 or None, default None
        Penalty strength on the standardised scale; None is 0.1 times the data's alpha_max, kept in ``alpha_``.
        0 gives the unpenalised fit.
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array-like (p,), default "bh"
        v, or the name of its shape (formulas: ``sparsestats.backend.sequences.elementwise``); an array must be
        non-increasing and >= 0, one value a penalised column. "gaussian" depends on n, the number of rows with
        weight.
    q : float in (0, 1), default 0.1
        Target false discovery rate of the named shapes that have one.
    family : {"gaussian", "poisson", "huber"}, default "gaussian"
        The loss in place of the squared one: half the Poisson deviance with log link (y >= 0), or Huber's.
    huber_delta : float > 0, default 1.345
        Residual, in units of y, beyond which Huber's loss is linear; used by family "huber" alone.
    standardize : bool, default True
        True scales columns to unit variance (divisor n, weighted). Coefficients come back on the data's
        own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies a column's penalty; 0 leaves the column free and out of the ranking.
    solver : {"auto", "cvxpy", "proximal"}, default "auto"
        The compiled core, the same objective as a cvxpy program, or the readable numpy solver.
    tol : float > 0, default 1e-8
        Duality gap asked for, as a share of the null objective.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    screening : bool, default True
        Solve on the columns that strong rules keep, and repair from the full gap.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale; ``variables["beta"]``,
        ``variables["intercept"]`` and, for DataFrames, columns and terms by name. Chooses ``solver="cvxpy"``.
    verbose : int, default 0
        1 shows progress where there is some to show.

    Attributes
    ----------
    coef_ : ndarray (p,)
    intercept_ : float
    alpha_, alpha_max_ : float
    certificate_ : Certificate
        Duality gap of the full problem, computed from the returned coefficients.
    n_iter_ : int
    clusters_ : int ndarray (p,)
        Columns of equal size on the penalty's scale: 1 for the largest, 0 for zeros and free columns.
    duals_ : list, multipliers of the constraints (with ``constraints`` only)

    Raises
    ------
    ValueError
        At ``fit``, for bad data, parameters out of range, or a sequence that increases or has the wrong length.

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization. Screening: Larsson,
    Bogdan & Wallin (2020), The strong screening rule for SLOPE.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import SLOPE
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> y = 2 * X[:, 0]
    >>> model = SLOPE(alpha=0.1).fit(X, y)
    >>> bool(model.certificate_.converged)
    True
    """

    def __init__(
        self,
        alpha: float | None = None,
        *,
        sequence: Any = "bh",
        q: float = 0.1,
        family: str = "gaussian",
        huber_delta: float = 1.345,
        standardize: bool = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        screening: bool = True,
        constraints: Any = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.sequence = sequence
        self.q = q
        self.family = family
        self.huber_delta = huber_delta
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.screening = screening
        self.constraints = constraints
        self.verbose = verbose


class SLOPEClassifier(_Elementwise, PathClassifier):
    """SLOPE for classes.

    Minimises  (1/n) sum_i w_i [log(1 + exp(eta_i)) - y_i eta_i] + alpha sum_k v_k |s b|_(k),  eta = b0 + X b,

    w the rows' weights (their sum n), s the columns' standard deviations, |.|_(1) >= |.|_(2) >= ... and v
    non-increasing. Equal v is the lasso.

    With K > 2 classes the loss is the symmetric softmax's, (1/n) sum_i w_i [log sum_k exp(eta_ik) - eta_i,y_i], with a
    coefficient vector and an intercept for each class; the norm is over all p K coefficients, which determines them up
    to ties. Offsets are then (n, K), a custom sequence has p K values, and constraints see beta (K, p), intercept (K,).

    Parameters
    ----------
    alpha : float >= 0 or None, default None
        Penalty strength on the standardised scale; None is 0.1 times the data's alpha_max, kept in ``alpha_``.
        0 gives the unpenalised fit.
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array-like (p,), default "bh"
        v, or the name of its shape (formulas: ``sparsestats.backend.sequences.elementwise``); an array must be
        non-increasing and >= 0, one value a penalised column. "gaussian" depends on n, the number of rows with
        weight.
    q : float in (0, 1), default 0.1
        Target false discovery rate of the named shapes that have one.
    standardize : bool, default True
        True scales columns to unit variance (divisor n, weighted). Coefficients come back on the data's
        own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies a column's penalty; 0 leaves the column free and out of the ranking.
    solver : {"auto", "cvxpy", "proximal"}, default "auto"
        The compiled core, the same objective as a cvxpy program, or the readable numpy solver.
    tol : float > 0, default 1e-8
        Duality gap asked for, as a share of the null objective.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    screening : bool, default True
        Solve on the columns that strong rules keep, and repair from the full gap.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale; ``variables["beta"]``,
        ``variables["intercept"]`` and, for DataFrames, columns and terms by name. Chooses ``solver="cvxpy"``.
    verbose : int, default 0
        1 shows progress where there is some to show.

    Attributes
    ----------
    classes_ : ndarray (K,), sorted; of two the event is the second
    coef_ : ndarray (1, p), or (K, p) with K > 2 classes
    intercept_ : ndarray (1,), or (K,) with sum 0
    alpha_, alpha_max_ : float
    certificate_ : Certificate
        Duality gap of the full problem, computed from the returned coefficients.
    n_iter_ : int
    clusters_ : int ndarray of coef_'s shape
        Columns of equal size on the penalty's scale: 1 for the largest, 0 for zeros and free columns.
    duals_ : list, multipliers of the constraints (with ``constraints`` only)

    Raises
    ------
    ValueError
        At ``fit``, for bad data, parameters out of range, or a sequence that increases or has the wrong length.

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization. Screening: Larsson,
    Bogdan & Wallin (2020), The strong screening rule for SLOPE.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import SLOPEClassifier
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> model = SLOPEClassifier(alpha=0.05).fit(X, y)
    >>> bool(model.certificate_.converged)
    True
    """

    def __init__(
        self,
        alpha: float | None = None,
        *,
        sequence: Any = "bh",
        q: float = 0.1,
        standardize: bool = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        screening: bool = True,
        constraints: Any = None,
        verbose: int = 0,
    ):
        self.alpha = alpha
        self.sequence = sequence
        self.q = q
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.screening = screening
        self.constraints = constraints
        self.verbose = verbose


class SLOPECV(CrossValidated, SLOPE):
    """SLOPE regression, alpha chosen by cross-validation.

    Minimises  (1/2n) sum_i w_i (y_i - b0 - x_i'b)^2 + alpha sum_k v_k |s b|_(k),

    w the rows' weights (their sum n), s the columns' standard deviations, |.|_(1) >= |.|_(2) >= ... and v
    non-increasing. Equal v is the lasso.

    Parameters
    ----------
    alphas : array-like, ``ss.relative(...)`` or None, default None
        Penalty strengths >= 0; None is 100 geometric values from alpha_max to alpha_max / 100 (as of any
        ``ss.relative``, fewer where 0.9999 of the deviance are explained, but for the squared loss).
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array-like (p,), default "bh"
        v, or the name of its shape (formulas: ``sparsestats.backend.sequences.elementwise``); an array must be
        non-increasing and >= 0, one value a penalised column. "gaussian" depends on n, the number of rows with
        weight.
    q : float in (0, 1), default 0.1
        Target false discovery rate of the named shapes that have one.
    family : {"gaussian", "poisson", "huber"}, default "gaussian"
        The loss in place of the squared one: half the Poisson deviance with log link (y >= 0), or Huber's.
    huber_delta : float > 0, default 1.345
        Residual, in units of y, beyond which Huber's loss is linear; used by family "huber" alone.
    standardize : bool, default True
        True scales columns to unit variance (divisor n, weighted). Coefficients come back on the data's
        own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies a column's penalty; 0 leaves the column free and out of the ranking.
    solver : {"auto", "cvxpy", "proximal"}, default "auto"
        The compiled core, the same objective as a cvxpy program, or the readable numpy solver.
    tol : float > 0, default 1e-8
        Duality gap asked for, as a share of the null objective. Paths of the folds stop at
        1e-5 (squared loss) or 1e-6, or at 0.002 over their rows where that is less; at tol where that is more
        or below 1e-8.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    screening : bool, default True
        Solve on the columns that strong rules keep, and repair from the full gap.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale; ``variables["beta"]``,
        ``variables["intercept"]`` and, for DataFrames, columns and terms by name. Chooses ``solver="cvxpy"``.
    verbose : int, default 0
        1 shows progress where there is some to show.
    cv : int, splitter or iterable of (train, test), default 10
        An int is shuffled folds, stratified for classes, whole ``row_groups`` kept together.
    scoring : str, callable or None, default None
        None is "mse" for family "gaussian", "deviance" for "poisson", "mae" for "huber"; each has "mse" and "mae",
        all but "poisson" have "r2", all but "huber" have "deviance". Or any scikit-learn scorer, or
        ``scorer(estimator, X, y)``, which sees what a model predicts for a fold's held-out rows (``predict``), not its
        coefficients.
    selection : {"min", "1se"}, default "min"
        The best mean score, or the largest alpha within one standard error of it.
    n_jobs : int or None, default None
        Folds at a time, -1 for all cores, None for one or what ``joblib.parallel_config`` says; the answer does
        not depend on it.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the folds.

    Attributes
    ----------
    coef_ : ndarray (p,)
    intercept_ : float
    alpha_, alpha_max_ : float
    certificate_ : Certificate
        Duality gap of the full problem, computed from the returned coefficients.
    n_iter_ : int
    clusters_ : int ndarray (p,)
        Columns of equal size on the penalty's scale: 1 for the largest, 0 for zeros and free columns.
    alphas_ : ndarray (k,)
    alpha_min_, alpha_1se_ : float
    path_ : Path
    cv_ : CVResult
    cv_results_ : DataFrame, one row a fold and alpha
    duals_ : list, multipliers of the constraints (with ``constraints`` only)

    Raises
    ------
    ValueError
        At ``fit``, for bad data, parameters out of range, or a sequence that increases or has the wrong length.

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization. Screening: Larsson,
    Bogdan & Wallin (2020), The strong screening rule for SLOPE.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import SLOPECV
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> y = 2 * X[:, 0]
    >>> model = SLOPECV(cv=5).fit(X, y)
    >>> bool(model.certificate_.converged)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in SLOPE._parameter_constraints.items() if k != "alpha"},
        **CrossValidated._cv_constraints,
    }

    def __init__(
        self,
        alphas: Any = None,
        *,
        sequence: Any = "bh",
        q: float = 0.1,
        family: str = "gaussian",
        huber_delta: float = 1.345,
        standardize: bool = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        screening: bool = True,
        constraints: Any = None,
        cv: Any = 10,
        scoring: Any = None,
        selection: str = "min",
        n_jobs: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.alphas = alphas
        self.sequence = sequence
        self.q = q
        self.family = family
        self.huber_delta = huber_delta
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.screening = screening
        self.constraints = constraints
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose


class SLOPEClassifierCV(CrossValidated, SLOPEClassifier):
    """SLOPE for classes, alpha chosen by cross-validation.

    Minimises  (1/n) sum_i w_i [log(1 + exp(eta_i)) - y_i eta_i] + alpha sum_k v_k |s b|_(k),  eta = b0 + X b,

    w the rows' weights (their sum n), s the columns' standard deviations, |.|_(1) >= |.|_(2) >= ... and v
    non-increasing. Equal v is the lasso.

    With K > 2 classes the loss is the symmetric softmax's, (1/n) sum_i w_i [log sum_k exp(eta_ik) - eta_i,y_i], with a
    coefficient vector and an intercept for each class; the norm is over all p K coefficients, which determines them up
    to ties. Offsets are then (n, K), a custom sequence has p K values, and constraints see beta (K, p), intercept (K,).

    Parameters
    ----------
    alphas : array-like, ``ss.relative(...)`` or None, default None
        Penalty strengths >= 0; None is 100 geometric values from alpha_max to alpha_max / 100 (as of any
        ``ss.relative``, fewer where 0.9999 of the deviance are explained, but for the squared loss).
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array-like (p,), default "bh"
        v, or the name of its shape (formulas: ``sparsestats.backend.sequences.elementwise``); an array must be
        non-increasing and >= 0, one value a penalised column. "gaussian" depends on n, the number of rows with
        weight.
    q : float in (0, 1), default 0.1
        Target false discovery rate of the named shapes that have one.
    standardize : bool, default True
        True scales columns to unit variance (divisor n, weighted). Coefficients come back on the data's
        own scale.
    fit_intercept : bool, default True
        The intercept is never penalised. Without one a penalised column that does not vary has coefficient 0 all the
        same where ``standardize`` is True: there is no deviation to scale it by.
    penalty_factor : array-like (p,), dict column name -> factor, or None
        Multiplies a column's penalty; 0 leaves the column free and out of the ranking.
    solver : {"auto", "cvxpy", "proximal"}, default "auto"
        The compiled core, the same objective as a cvxpy program, or the readable numpy solver.
    tol : float > 0, default 1e-8
        Duality gap asked for, as a share of the null objective. Paths of the folds stop at
        1e-6, or at 0.002 over their rows where that is less; at tol where that is more
        or below 1e-8.
    max_iter : int >= 1, default 10000
        Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
    screening : bool, default True
        Solve on the columns that strong rules keep, and repair from the full gap.
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale; ``variables["beta"]``,
        ``variables["intercept"]`` and, for DataFrames, columns and terms by name. Chooses ``solver="cvxpy"``.
    verbose : int, default 0
        1 shows progress where there is some to show.
    cv : int, splitter or iterable of (train, test), default 10
        An int is shuffled folds, stratified for classes, whole ``row_groups`` kept together.
    scoring : str, callable or None, default None
        "log_loss" (None), "deviance", "brier", "misclassification", "accuracy", "roc_auc" (two classes), any
        scikit-learn scorer, or ``scorer(estimator, X, y)``, which sees what a model predicts for a fold's held-out
        rows (``predict``, ``predict_proba``, ``decision_function``), not its coefficients.
    selection : {"min", "1se"}, default "min"
        The best mean score, or the largest alpha within one standard error of it.
    n_jobs : int or None, default None
        Folds at a time, -1 for all cores, None for one or what ``joblib.parallel_config`` says; the answer does
        not depend on it.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray (K,), sorted; of two the event is the second
    coef_ : ndarray (1, p), or (K, p) with K > 2 classes
    intercept_ : ndarray (1,), or (K,) with sum 0
    alpha_, alpha_max_ : float
    certificate_ : Certificate
        Duality gap of the full problem, computed from the returned coefficients.
    n_iter_ : int
    clusters_ : int ndarray of coef_'s shape
        Columns of equal size on the penalty's scale: 1 for the largest, 0 for zeros and free columns.
    alphas_ : ndarray (k,)
    alpha_min_, alpha_1se_ : float
    path_ : Path
    cv_ : CVResult
    cv_results_ : DataFrame, one row a fold and alpha
    duals_ : list, multipliers of the constraints (with ``constraints`` only)

    Raises
    ------
    ValueError
        At ``fit``, for bad data, parameters out of range, or a sequence that increases or has the wrong length.

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization. Screening: Larsson,
    Bogdan & Wallin (2020), The strong screening rule for SLOPE.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import SLOPEClassifierCV
    >>> X = np.random.default_rng(0).standard_normal((80, 5))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> model = SLOPEClassifierCV(cv=5).fit(X, y)
    >>> bool(model.certificate_.converged)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **{k: v for k, v in SLOPEClassifier._parameter_constraints.items() if k != "alpha"},
        **CrossValidated._cv_constraints,
    }

    def __init__(
        self,
        alphas: Any = None,
        *,
        sequence: Any = "bh",
        q: float = 0.1,
        standardize: bool = True,
        fit_intercept: bool = True,
        penalty_factor: Any = None,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = 10_000,
        screening: bool = True,
        constraints: Any = None,
        cv: Any = 10,
        scoring: Any = None,
        selection: str = "min",
        n_jobs: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.alphas = alphas
        self.sequence = sequence
        self.q = q
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.penalty_factor = penalty_factor
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.screening = screening
        self.constraints = constraints
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

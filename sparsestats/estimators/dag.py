"""CoLiDE: linear directed acyclic graphs with concomitant noise scales."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from ..backend.certificate import Certificate, warn_unconverged
from ..backend.dag import FLOOR, Knowledge, smooth_scores, varying
from ..backend.dagfit import Estimate, Settings, estimate_on, score_of, unordered_bound
from ..backend.knowledge import read_knowledge
from ..backend.native import dag as native
from ..backend.order_blocks import undecided_blocks, with_tied_neighbours
from ..exceptions import DataWarning
from ..report.graphs import EdgeFrequencies
from ..report.protocol import Report
from ..validation import as_random_state, check_columns_are_measurements, check_real
from ._fitted import forget
from ._misnamed import OF_GRAPHS, Answering
from .fitted_graph import FittedGraph
from .graph_bootstrap import edge_frequencies
from .graph_cautions import follows_variances, standardised, warn_of_units
from .graph_report import graph_report

TIED = 60
"""Up to this many variables they are exchanged: each costs a fit of the order, which at 200 is a third of it all."""
VARIANCES = 1e-100, 1e100
"""Between these products of two variances, and what is left of one by 12 digits, are doubles."""

_STATE = (
    "adjacency_",
    "penalized_",
    "pruned_",
    "order_",
    "noise_scale_",
    "noise_variances_",
    "penalized_scale_",
    "intercept_",
    "location_",
    "covariance_",
    "n_samples_",
    "objective_",
    "varsortability_",
    "alpha_",
    "n_features_in_",
    "n_iter_",
    "standardised_",
    "follows_variances_",
    "duals_",
)


class CoLiDE(Answering, FittedGraph):
    """Linear DAG with concomitant noise scales, by exact search over orders.

    Minimises over DAGs W and noise scales s >= s0 (standard deviations; S the covariance, divisor n)

        noise="ev":  tr((I-W)'S(I-W)) / (2 s) + d s / 2  +  a sum |W|
        noise="nv":  sum_j { ((I-W)'S(I-W))_jj / (2 s_j) + s_j / 2 }  +  a sum |W|

    with ``a = alpha * min_j sd_j`` (``penalty_scale="equivariant"``) or ``a = alpha``. Edges of the minimiser
    that survive ``threshold`` are then fitted again by least squares.

    With noise="ev" (all noise variances equal) the graph is identified. With noise="nv" it is not: the score
    prefers orders whose conditional variances are equal, whatever the truth, so by default a search for the graph
    of the largest marginal likelihood (``refine="bic"``), started from the order of equal noise, replaces it. Within
    the Markov class (``cpdag_``) of its answer only the belief that noise variances are alike tells directions.

    Parameters
    ----------
    noise : {"ev", "nv"}, default "ev"
        One noise scale for all variables, or one each.
    alpha : float >= 0, default 0.05
        Penalty on the weights.
    solver : {"order", "path", "hybrid"}, default "order"
        "order": insertion search over orders. "path": the published method, Adam along a log-determinant
        acyclicity penalty. "hybrid": both, the better objective.
    refine : {"auto", None, "bic"}, default "auto"
        "bic": an order is improved, and parents chosen, by the Gaussian BIC
        n log rss + (log n + 2 gamma log d) edges, gamma 1/2 up to 100 rows, 1 from 1000 on and in between by log n,
        with terms that do not grow with n: log det of the covariance of each variable's parents less log rss for
        each of them (weights are N(0, 1) before the data), and (log rss - m)^2 / tau^2, m and tau^2 the mean and
        variance of the log noise variances of the graph the search last found, in the end d log tau^2 (noise
        variances are lognormal). The first is in the data's units or in units of the noise scales, whichever make
        weights more alike. One factor for all columns changes nothing; columns in units of their own make tau large,
        which leaves little more than the BIC, and cost what noise that is alike would tell (20 variables with hubs as
        causes: mean SHD 5.4, and 10.8 in units of their own; benchmarks/results/dags.md). The search begins from the
        order of equal noise or from that by R2 (from both up to 40 variables), goes on from the best order with a
        fifth of its variables put anywhere (again while that finds better), and once more from the order of equal
        noise in units of the noise scales found.
        "auto" is "bic" for noise="nv" with solver="order", None otherwise.
    threshold : float >= 0 or None, default None
        Edges with a smaller absolute weight are dropped; None is 0.3, the published value, and 0 after
        refine="bic". Effects below 0.3 need a smaller one: 0 leaves the choice to ``prune``.
    refit : bool, default True
        Least squares on the edges kept, so that weights are not shrunk. ``refine="bic"`` always refits.
    prune : bool, default True
        Before the refit, parents are chosen on the order forward and backward by BIC, starting from the edges of
        the penalised fit (and, with three rows a variable, from those that a regression on all earlier variables
        needs, where it needs others): what a small penalty let in by chance would pass any threshold when rows are
        few, and a large one hides weak edges. False refits the penalised fit's edges as they are. Only with
        ``refit``.
    penalty_scale : {"equivariant", None}, default "equivariant"
        "equivariant": alpha in units of the smallest standard deviation, so that one graph comes out whatever
        the unit of the data. None: the published scaling.
    required, forbidden : iterable of (from, to), or None
        Edges that must, or cannot, be there: names of columns or positions. Required ones are not penalised.
    tiers : sequence of sequences, mapping variable -> number, or None
        Earlier tiers come first: no edge leads back.
    max_parents : int >= 0 or None
        Limit of parents of a variable.
    polish : bool or None, default None
        Whether the order is improved on the penalised objective too; None does so up to 40 variables.
    n_restarts : int >= 0, default 0
        Random orders to start from besides the greedy ones.
    missing : {"raise", "em"}, default "raise"
        NaN: an error, or mean and covariance by EM (missing at random, Gaussian).
    tol : float > 0, default 1e-6
        Relative duality gap asked for on the final order.
    constraints : callable or None
        ``(v) -> list of cvxpy constraints`` on the weights, on the data's own scale: ``v["from", "to"]`` is an edge
        by the names of its columns (x0, x1, ... without a frame), ``v["W"]`` the whole matrix;
        ``lambda v: [v["age", "bmi"] >= 0]``. The order is searched without them; the penalised weights on it and their
        refit are then solved by cvxpy under them. An edge against the order found is 0: where a constraint needs
        an edge, say ``required`` or ``tiers`` too. Edges that a constraint couples, or that 0 would break, are
        neither pruned nor cut by the threshold.
    path_options : dict or None
        Of solver="path": ``mu``, ``t``, ``steps``, ``learning_rate`` ... (see
        ``backend.native.dag.PathOptions``).
    random_state : int, RandomState, Generator or None, default 0
        Seed of the random starts, and of the shaken orders of refine="bic".

    Attributes
    ----------
    adjacency_ : ndarray (d, d)
        ``[i, j]`` is the effect i -> j; an exact DAG with zero diagonal.
    penalized_ : ndarray (d, d)
        The minimiser on the order found, before threshold and refit; ``objective_`` and ``certificate_``
        are its.
    order_ : ndarray (d,)
        Positions of the variables, causes first.
    pruned_ : bool ndarray (d, d)
        Edges of ``penalized_`` that the BIC left out (``prune``).
    order_blocks_ : list of lists of int
        The order with runs of variables together whose order the data leave undecided: variables without
        use for each other, and up to 60 variables neighbours whose exchange changes the objective by at
        most ``tol`` times its null value. With ``constraints`` every variable stands alone.
    noise_scale_ : float or ndarray (d,)
        Noise standard deviation of the refitted graph: one ("ev") or one a variable ("nv").
    penalized_scale_ : float or ndarray (d,)
        s, the noise scale of ``penalized_``.
    noise_variances_ : ndarray (d,)
        Residual variance of every variable given its parents.
    intercept_ : ndarray (d,)
        Means of the variables where all parents are 0.
    location_, covariance_ : ndarrays (d,), (d, d)
        Mean and covariance (divisor n) the graph was fitted to.
    n_samples_ : float
        Rows behind the covariance.
    cpdag_ : bool ndarray (d, d)
        The Markov class: ``[i, j]`` and ``[j, i]`` both set is an edge that may point either way.
    objective_ : float
        The objective above at ``penalized_``.
    log_likelihood_ : float
        Mean Gaussian log-likelihood of a row under the refitted graph.
    certificate_ : Certificate
        Duality gap of ``penalized_`` on ``order_``; the worst variable's for noise="nv", that of all with
        ``constraints``.
    duals_ : list of ndarrays
        Multipliers of the constraints on ``penalized_``, in their order; none without ``constraints``.
    varsortability_ : float
        Share of edges that lead from a smaller to a larger variance (nan without edges).
    r2_sortability_ : float
        Share of edges that lead to the variable better explained by all others, by R2, which no unit
        changes. Near 1/2, only variances tell the order.
    follows_variances_ : bool
        Whether the order may owe more to units than to structure: of three edges or more 3/4 lead to
        larger variances, and yet the noise variances, which the score wants equal, differ threefold
        (ninth over first decile). On data with equal noise edges lead to larger variances as well, but the
        noise variances then come out equal.
    alpha_ : float
        The penalty used, on the data's scale.
    n_features_in_, feature_names_in_, n_iter_

    Raises
    ------
    ValueError
        For NaN (unless missing="em"), infinite values, columns that are not measurements, knowledge that
        contradicts itself, constraints that no weights on the order found meet, parameters out of range.

    Warns
    -----
    DataWarning
        On singular covariances and, unless refined by BIC, on standardised columns and on orders that
        follow the variances (``follows_variances_``).

    References
    ----------
    Saboksayr, Mateos and Tepper (2024), CoLiDE: Concomitant Linear DAG Estimation, ICLR; equations 2 to 6.
    Reisach, Seiler and Weichwald (2021), Beware of the simulated DAG!, NeurIPS: orders that follow variances.

    Examples
    --------
    >>> import numpy as np, sparsestats as ss
    >>> z = np.random.default_rng(0).normal(size=(500, 3))
    >>> X = np.column_stack([z[:, 0], z[:, 0] + z[:, 1], z[:, 2]])
    >>> ss.CoLiDE().fit(X).adjacency_.round(1).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    _ours = OF_GRAPHS
    _parameter_constraints: ClassVar[dict] = {
        "noise": [StrOptions({"ev", "nv"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions({"order", "path", "hybrid"})],
        "refine": [StrOptions({"auto", "bic"}), None],
        "threshold": [Interval(Real, 0, None, closed="left"), None],
        "refit": ["boolean"],
        "prune": ["boolean"],
        "penalty_scale": [StrOptions({"equivariant"}), None],
        "required": [list, tuple, set, frozenset, None],
        "forbidden": [list, tuple, set, frozenset, None],
        "tiers": [list, tuple, Mapping, None],
        "max_parents": [Interval(Integral, 0, None, closed="left"), None],
        "polish": ["boolean", None],
        "n_restarts": [Interval(Integral, 0, None, closed="left")],
        "missing": [StrOptions({"raise", "em"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "constraints": [callable, None],
        "path_options": [dict, None],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        noise: str = "ev",
        *,
        alpha: float = 0.05,
        solver: str = "order",
        refine: str | None = "auto",
        threshold: float | None = None,
        refit: bool = True,
        prune: bool = True,
        penalty_scale: str | None = "equivariant",
        required: Any = None,
        forbidden: Any = None,
        tiers: Any = None,
        max_parents: int | None = None,
        polish: bool | None = None,
        n_restarts: int = 0,
        missing: str = "raise",
        tol: float = 1e-6,
        constraints: Any = None,
        path_options: dict | None = None,
        random_state: Any = 0,
    ):
        self.noise = noise
        self.alpha = alpha
        self.solver = solver
        self.refine = refine
        self.threshold = threshold
        self.refit = refit
        self.prune = prune
        self.penalty_scale = penalty_scale
        self.required = required
        self.forbidden = forbidden
        self.tiers = tiers
        self.max_parents = max_parents
        self.polish = polish
        self.n_restarts = n_restarts
        self.missing = missing
        self.tol = tol
        self.constraints = constraints
        self.path_options = path_options
        self.random_state = random_state

    def _validate_params(self) -> None:
        # Defaults are valid: to read all of them again takes a tenth of a fit of 50 variables.
        usual = type(self).__init__.__kwdefaults__ or {}
        given = {name: getattr(self, name) for name in self._parameter_constraints}
        validate_parameter_constraints(
            self._parameter_constraints,
            {name: value for name, value in given.items() if name not in usual or value is not usual[name]},
            type(self).__name__,
        )

    # ---- fitting ------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> CoLiDE:
        """Fit the graph of the columns of X.

        Parameters
        ----------
        X : array-like or DataFrame (n, d), n >= 2
            Rows are independent observations. Columns that are constant get no edges.
        y : ignored

        Returns
        -------
        self
        """
        forget(self)
        self._validate_params()
        mean, S, n = self._moments(X, reset=True)
        return self._fit_moments(S, n, mean)

    def fit_covariance(self, S: Any, n: float, *, mean: Any = None, feature_names: Any = None) -> CoLiDE:
        """Fit from second moments alone, as a reduction over chunks or a database gives them.

        Parameters
        ----------
        S : array-like (d, d)
            Covariance with divisor n, symmetric positive semi-definite.
        n : float >= 2
            Rows behind it.
        mean : array-like (d,) or None
            Zero when None.
        feature_names : sequence of str or None
            None takes the columns of a DataFrame.

        Returns
        -------
        self
        """
        forget(self)
        self._validate_params()
        feature_names = getattr(S, "columns", None) if feature_names is None else feature_names
        check_real(S, "S")
        S = np.array(S, dtype=np.float64)
        if S.ndim != 2 or S.shape[0] != S.shape[1] or S.size == 0:
            raise ValueError(f"S must be a square covariance matrix; got shape {S.shape}")
        if not np.isfinite(S).all():
            raise ValueError("S must be finite")
        spread = np.sqrt(np.abs(np.diagonal(S)))
        if np.abs(S - S.T).max() > 1e-8 * max(spread.max() ** 2, np.finfo(float).tiny):
            raise ValueError("S must be symmetric")
        if np.linalg.eigvalsh(S).min() < -1e-8 * max(spread.max() ** 2, np.finfo(float).tiny):
            raise ValueError("S must be positive semi-definite; it has a negative eigenvalue")
        if not 2 <= n < np.inf:
            raise ValueError(f"n must be a number of rows, at least 2; got {n!r}")
        d = len(S)
        if feature_names is not None:
            if len(feature_names) != d:
                raise ValueError(
                    f"feature_names must have one name for each of the {d} columns; got {len(feature_names)}"
                )
            self.feature_names_in_ = np.array([str(name) for name in feature_names], dtype=object)
        self.n_features_in_ = d
        location = np.zeros(d) if mean is None else np.asarray(mean, dtype=np.float64)
        if location.shape != (d,) or not np.isfinite(location).all():
            raise ValueError(f"mean must have one finite value for each of the {d} columns; got {mean!r}")
        return self._fit_moments((S + S.T) / 2, float(n), location)

    def _moments(self, X: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray, float]:
        """Mean, covariance and number of rows."""
        if reset:
            check_columns_are_measurements(X)
        X = self._check_X(X, reset=reset, n_min=2)
        if self.missing == "em" and np.isnan(X).any():
            from ..backend.missing import em_moments

            mean, S, _ = em_moments(X)
            return mean, S, float(len(X))
        with np.errstate(over="ignore", invalid="ignore"):  # what that does to variances is told by name
            mean = X.mean(axis=0)
            centred = X - mean
            S = centred.T @ centred / len(X)
        if not np.diagonal(S).all():
            self._check_magnitudes(np.diagonal(S), np.ptp(X, axis=0) > 0)
        return mean, S, float(len(X))

    def _settings(self) -> Settings:
        known = [field.name for field in fields(native.PathOptions)]
        unknown = [name for name in self.path_options or () if name not in known]
        if unknown:
            raise ValueError(f"path_options has {unknown[0]!r}, and knows {', '.join(known)}")
        bic = self._refines()
        seed = int(as_random_state(self.random_state).randint(2**31 - 1)) if self.n_restarts or bic else 0
        return Settings(
            equal=self.noise == "ev",
            alpha=float(self.alpha),
            equivariant=self.penalty_scale == "equivariant",
            solver=self.solver,
            bic=bic,
            polish=self.polish,
            threshold=(0.0 if bic else 0.3) if self.threshold is None else float(self.threshold),
            refit=self.refit,
            prune=self.prune,
            max_parents=self.max_parents,
            n_restarts=self.n_restarts,
            seed=seed,
            tol=self.tol,
            path=None if self.path_options is None else native.PathOptions(**self.path_options),
            constraints=self.constraints,
            names=() if self.constraints is None else tuple(self.names()),
        )

    def _refines(self) -> bool:
        if self.refine == "auto":
            return self.noise == "nv" and self.solver == "order"
        return self.refine == "bic"

    def _knowledge(self, d: int) -> Knowledge:
        names = getattr(self, "feature_names_in_", None)
        return read_knowledge(self.required, self.forbidden, self.tiers, d, names)

    def _fit_moments(self, S: np.ndarray, n: float, mean: np.ndarray) -> CoLiDE:
        d = len(S)
        known = self._knowledge(d)
        if self.max_parents is not None and known.required is not None:
            most = int(known.required.sum(axis=0).max())
            if most > self.max_parents:
                raise ValueError(f"max_parents={self.max_parents}, but a variable has {most} required parents")
        varies = varying(S, mean)
        self._check_magnitudes(np.diagonal(S), varies)
        found = estimate_on(S, n, known, self._settings(), varies)
        if found.ridged:
            warnings.warn(
                "the covariance is singular (as many columns as rows, or columns that follow from others): "
                "the "
                "search over orders used a ridge of 1 % of the smallest variance",
                DataWarning,
                stacklevel=3,
            )
        self._take(found, S, n, mean, varies)
        self.standardised_ = standardised(self, varies)
        self.follows_variances_ = not found.ridged and follows_variances(self, varies)
        if not self._refines():
            warn_of_units(self, varies)
        warn_unconverged([self.certificate_], [found.alpha], type(self).__name__)
        return self

    def _check_magnitudes(self, variances: np.ndarray, varies: np.ndarray) -> None:
        low, high = VARIANCES
        fits = (variances <= high) & ((variances >= low) | ~varies)
        if not fits.all():
            j = int(np.argmin(fits))
            raise ValueError(
                f"column {self.names()[j]!r} has variance {variances[j]:.3g}; products of variances are beyond what a "
                f"double holds unless each is between {low:g} and {high:g}. Give the columns another unit"
            )

    def _take(self, found: Estimate, S: np.ndarray, n: float, mean: np.ndarray, varies: np.ndarray) -> None:
        self.covariance_, self.location_, self.n_samples_ = S, mean, n
        self.order_ = found.order
        self.adjacency_ = found.adjacency
        self.penalized_ = found.penalized
        self.pruned_ = found.pruned
        self.noise_variances_ = found.variances
        count = max(1, int(np.count_nonzero(varies)))  # constants have no noise
        self.noise_scale_ = math.sqrt(found.variances.sum() / count) if self.noise == "ev" else np.sqrt(found.variances)
        self.penalized_scale_ = float(found.scale[0]) if self.noise == "ev" else found.scale
        self.intercept_ = mean - mean @ self.adjacency_
        self.alpha_ = found.alpha
        self.certificate_: Certificate = found.certificate
        self.objective_ = found.certificate.objective
        self.n_iter_ = found.certificate.n_iter
        self.search_info_ = found.info
        self.duals_ = found.info.get("duals", [])
        sources, targets = np.nonzero(self.adjacency_)
        v = np.diagonal(S)
        rising = int(np.count_nonzero(v[sources] < v[targets]))
        self.varsortability_ = rising / len(sources) if len(sources) else float("nan")

    def _tie(self) -> float:
        """Difference of objectives below which orders are not told apart."""
        tiny = np.finfo(float).tiny  # a floor for columns that are constant
        return self.tol * float(smooth_scores(np.diagonal(self.covariance_), tiny, self.noise == "ev").sum())

    @property
    def order_blocks_(self) -> list[list[int]]:
        """The order, what the data leave undecided within it together."""
        check_is_fitted(self)
        S, equal, d = self.covariance_, self.noise == "ev", self.n_features_in_
        if self.duals_:  # an exchange could change what they allow
            return [[int(j)] for j in self.order_]
        varies = varying(S, self.location_)
        floor = FLOOR * float(np.sqrt(np.diagonal(S)[varies].min())) if varies.any() else 0.0
        score = native.Score(S, equal, self.alpha_, floor, self._knowledge(d))
        blocks = undecided_blocks(score, self.order_, self.penalized_, np.broadcast_to(self.penalized_scale_, d))
        if varies.all() and d <= TIED:
            blocks = with_tied_neighbours(blocks, score, self.order_, self.penalized_, self.objective_, self._tie())
        return blocks

    # ---- proof, program, stability ------------------------------------------------------------------------

    def certify(self, max_exact: int = 12) -> Certificate:
        """How far the penalised objective can be from that of the best DAG of all.

        Up to ``max_exact`` variables dynamic programming over subsets finds the best DAG (12 variables take a
        fraction of a second, each one more two to three times as long). Beyond, the bound gives up
        acyclicity: every variable is regressed on all others; it is valid, cheap and usually loose.

        Parameters
        ----------
        max_exact : int from 0 to 20, default 12
            0 asks for the cheap bound.

        Returns
        -------
        Certificate
            kind "optimality"; ``objective`` is the fit's ``objective_``, ``bound`` what no DAG is below.
            ``best_order_`` is set when the best DAG was found.
        """
        check_is_fitted(self)
        if not (isinstance(max_exact, Integral) and 0 <= max_exact <= 20):
            raise ValueError(f"max_exact must be a whole number from 0 to 20; got {max_exact!r}")
        known = self._knowledge(self.n_features_in_)
        kept = np.flatnonzero(varying(self.covariance_, self.location_))
        if len(kept) == 0:
            return Certificate("optimality", 0.0, 0.0, self.tol, 0.0, 0.0, 1, "tol")
        S = np.ascontiguousarray(self.covariance_[np.ix_(kept, kept)])
        score = score_of(S, known.among(kept), self._settings())
        scale = float(smooth_scores(np.diagonal(S), score.floor, score.equal).sum())
        if len(kept) <= max_exact:
            best = native.best_order(score, tol=0.1 * self.tol)
            bound, stop = best.bound, "tol"
            self.best_order_ = kept[best.order]
        else:
            bound, stop = unordered_bound(score), "precision"
        value = max(self.objective_ - bound, 0.0)
        return Certificate("optimality", value, scale, self.tol, self.objective_, float(bound), 1, stop)

    def program(self, constraints: Any = None) -> Any:
        """The penalised fit on ``order_`` as a cvxpy program, to read, change or solve by other means.

        Parameters
        ----------
        constraints : callable or None
            As the parameter of that name, which None stands for.

        Returns
        -------
        Program
            Its optimal value is ``objective_`` while no constraint binds and no scale is at its floor.
        """
        from ..backend.programs.dag import program

        check_is_fitted(self)
        known = self._knowledge(self.n_features_in_)
        return program(
            self.covariance_,
            self.order_,
            self.alpha_,
            equal=self.noise == "ev",
            known=known,
            names=self.names(),
            constraints=self.constraints if constraints is None else constraints,
        )

    def bootstrap(
        self,
        X: Any,
        n_boot: int = 200,
        *,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> EdgeFrequencies:
        """How often each edge is found when the rows are drawn again; knowledge holds in every replicate.

        Every replicate is a whole fit, searched from its own starts: begun at the order of the fit, or with fewer
        shaken orders, ``refine="bic"`` finds the fit's own edges too often where several graphs fit about as well.

        Parameters
        ----------
        X : array-like or DataFrame (n, d)
            The rows of the fit.
        n_boot : int >= 1, default 200
        random_state : int, SeedSequence, RandomState, Generator or None
            One answer for any ``n_jobs``.
        n_jobs : int or None
        verbose : int
            1 shows progress.

        Returns
        -------
        EdgeFrequencies
        """
        return edge_frequencies(self, X, n_boot, random_state=random_state, n_jobs=n_jobs, verbose=verbose)

    # ---- for the reports ----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything ``fit`` found, as plain values for a file."""
        check_is_fitted(self)
        kept = {name: value for name, value in vars(self).items() if name in _STATE}
        return kept | {"certificate_": self.certificate_.to_dict(), "feature_names_in_": self.names()}

    def restore(self, state: Mapping[str, Any]) -> CoLiDE:
        """Become what ``state`` of another instance told."""
        for name in _STATE:
            if name in state:
                setattr(self, name, state[name])
        self.duals_ = state.get("duals_", [])  # files of before constraints were kept have none
        self.certificate_ = Certificate(**state["certificate_"])
        self.feature_names_in_ = np.array(state["feature_names_in_"], dtype=object)
        return self

    def __report__(self) -> Report:
        return graph_report(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing == "em"
        tags.target_tags.required = False
        return tags

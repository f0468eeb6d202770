"""One adapter a solver: the objective of ``problems.Problem`` in that package's own words.

What each ``tol`` means was found by experiment and is written in the README; it only sets where the search
for the setting starts, because every answer is judged by ``gaps.relative_gaps``.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import in_r, r_paths
from .newton_alm import NewtonALM
from .problems import Problem


@dataclass(frozen=True, eq=False)
class Answer:
    """Coefficients (k, p) and intercepts (k,) on the data's scale, of K classes (k, K, p) and (k, K); dual points
    (k, n) if a solver has any; its own count of seconds if it runs elsewhere."""

    coefs: np.ndarray
    intercepts: np.ndarray
    duals: np.ndarray | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Solver:
    """A way to fit a path.

    ``tol_per_gap`` times the target gap is where the search for the loosest sufficient ``tol`` starts.
    """

    package: str
    fit: Callable[[Problem, float], Answer]
    tol_per_gap: float = 1.0

    @property
    def installed(self) -> bool:
        if isinstance(self.fit, InR):
            return self.package in in_r.versions()
        return importlib.util.find_spec(self.package) is not None


def without_intercept(coefs: np.ndarray, duals: np.ndarray | None = None) -> Answer:
    return Answer(coefs, np.zeros(coefs.shape[0]), duals)


@dataclass(frozen=True)
class Sparsestats:
    """Ours as a user calls it: it standardises, and fits a gaussian's intercept, all within the timing."""

    options: dict = field(default_factory=dict)

    def __call__(self, problem: Problem, tol: float) -> Answer:
        import sparsestats

        classes = problem.family in ("binomial", "multinomial")
        name = ("GroupSLOPE" if problem.groups is not None else "SLOPE") + "Classifier" * classes
        sequence = {"slope": "bh", "group_slope": "mean"}.get(problem.model, "lasso")
        groups = {} if problem.groups is None else {"groups": problem.groups}
        # On centred data a gaussian intercept only adds to our own work; a binomial one changes the model.
        fit_intercept = problem.fit_intercept or not classes
        model = getattr(sparsestats, name)(
            sequence=sequence, q=0.1, tol=tol, fit_intercept=fit_intercept, **groups, **self.options
        )
        path = model.path(problem.X, problem.y, alphas=problem.alphas)
        return Answer(np.asarray(path.coefs), np.asarray(path.intercepts))


@dataclass(frozen=True)
class Sortedl1:
    """sortedl1 (libslope): tol is the gap over the current objective; its early stops are switched off."""

    solver: str = "hybrid"

    def __call__(self, problem: Problem, tol: float) -> Answer:
        from sortedl1 import Slope

        model = Slope(
            lam=problem.penalty.weights,
            loss="logistic" if problem.family == "binomial" else "quadratic",
            fit_intercept=problem.fit_intercept,
            solver=self.solver,
            tol=tol,
            max_iter=10_000_000,
        )
        whole = {"tol_dev_change": 0.0, "tol_dev_ratio": 1.0, "max_clusters": 10**9}
        path = model.path(problem.X, problem.y, alphas=problem.alphas, **whole)
        return Answer(np.asarray(path.coefs)[:, 0, :].T, np.ravel(path.intercepts))


def sklearn_lasso(problem: Problem, tol: float) -> Answer:
    from sklearn.linear_model import lasso_path

    _, coefs, _ = lasso_path(problem.X, problem.y, alphas=problem.alphas, tol=tol, max_iter=10**7)
    return without_intercept(coefs.T)


def liblinear(problem: Problem, tol: float) -> Answer:
    from sklearn.linear_model import LogisticRegression

    n = problem.y.size
    fits = [
        LogisticRegression(
            l1_ratio=1.0, solver="liblinear", C=1 / (n * alpha), fit_intercept=False, tol=tol, max_iter=10**6
        ).fit(problem.X, problem.y)
        for alpha in problem.alphas
    ]
    return without_intercept(np.array([fit.coef_[0] for fit in fits]))


def saga(problem: Problem, tol: float) -> Answer:
    """Warm along the path."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(l1_ratio=1.0, solver="saga", tol=tol, max_iter=10**6, warm_start=True, random_state=0)
    coefs, intercepts = [], []
    for alpha in problem.alphas:
        model.set_params(C=1 / (problem.y.size * alpha)).fit(problem.X, problem.y)
        coefs.append(model.coef_.copy())
        intercepts.append(model.intercept_.copy())
    return Answer(np.array(coefs), np.array(intercepts))


def celer(problem: Problem, tol: float) -> Answer:
    from celer.homotopy import celer_path

    options = {"tol": tol, "max_iter": 10_000, "max_epochs": 10**6, "return_thetas": True}
    if problem.family == "binomial":  # its logistic loss is a sum over rows, its labels are -1 and 1
        alphas = problem.y.size * problem.alphas
        _, coefs, _, thetas = celer_path(problem.X, 2 * problem.y - 1, "logreg", alphas=alphas, **options)
        return without_intercept(coefs.T, thetas * alphas[:, None])
    if problem.groups is not None:
        sizes = np.bincount(problem.groups)
        options |= {"groups": [int(size) for size in sizes], "weights": np.sqrt(sizes)}
    kind = "lasso" if problem.groups is None else "grouplasso"
    _, coefs, _, thetas = celer_path(problem.X, problem.y, kind, alphas=problem.alphas, **options)
    return without_intercept(coefs.T, thetas)


def skglm_lasso(problem: Problem, tol: float) -> Answer:
    import skglm

    if problem.family == "gaussian" and problem.groups is None:
        model = skglm.Lasso(fit_intercept=False, tol=tol, max_iter=1000, max_epochs=10**6)
        return without_intercept(model.path(problem.X, problem.y, problem.alphas)[1].T)
    if problem.groups is None:
        model = skglm.SparseLogisticRegression(
            fit_intercept=False, tol=tol, warm_start=True, max_iter=1000, max_epochs=10_000
        )
    else:
        sizes = np.bincount(problem.groups)
        model = skglm.GroupLasso(
            groups=[int(size) for size in sizes], weights=np.sqrt(sizes), fit_intercept=False, tol=tol,
            warm_start=True, max_iter=1000, max_epochs=10**6,
        )  # fmt: skip
    coefs = []
    for alpha in problem.alphas:
        model.alpha = alpha
        coefs.append(np.ravel(model.fit(problem.X, problem.y).coef_).copy())
    return without_intercept(np.array(coefs))


def skglm_slope(problem: Problem, tol: float) -> Answer:
    """FISTA, warm along the path (skglm itself has no SLOPE path)."""
    from skglm.datafits import Quadratic
    from skglm.penalties import SLOPE
    from skglm.solvers import FISTA

    solver = FISTA(max_iter=10**6, tol=tol, opt_strategy="fixpoint")
    coefs, beta = [], np.zeros(problem.X.shape[1])
    for alpha in problem.alphas:
        penalty = SLOPE(alphas=problem.penalty.weights, alpha=float(alpha))
        beta = solver.solve(problem.X, problem.y, Quadratic(), penalty, beta, problem.X @ beta)[0]
        coefs.append(beta.copy())
    return without_intercept(np.array(coefs))


def adelie(problem: Problem, tol: float) -> Answer:
    import adelie as ad

    sizes = np.ones(problem.X.shape[1], dtype=int) if problem.groups is None else np.bincount(problem.groups)
    glm = {"gaussian": ad.glm.gaussian, "binomial": ad.glm.binomial}[problem.family](problem.y)
    state = ad.grpnet(
        problem.X, glm, groups=np.cumsum(sizes) - sizes, penalty=np.sqrt(sizes), lmda_path=problem.alphas,
        intercept=problem.fit_intercept, tol=tol, irls_tol=tol, early_exit=False, max_iters=10**7, progress_bar=False,
        n_threads=1,
    )  # fmt: skip
    return without_intercept(state.betas.toarray())


@dataclass(frozen=True)
class InR:
    """A package of R, in a process that lives as long as this one."""

    package: str

    def __call__(self, problem: Problem, tol: float) -> Answer:
        coefs, intercepts, seconds = r_paths.running(self.package, problem).path(tol)
        return Answer(coefs, intercepts, seconds=seconds)


def newton_alm(problem: Problem, tol: float) -> Answer:
    return without_intercept(NewtonALM(problem.X, problem.y, problem.penalty.weights, tol).path(problem.alphas))


SOLVERS: dict[str, Solver] = {
    "sparsestats": Solver("sparsestats", Sparsestats()),
    "sparsestats, no screening": Solver("sparsestats", Sparsestats({"screening": False})),
    "sortedl1 hybrid": Solver("sortedl1", Sortedl1("hybrid"), 10.0),
    "sortedl1 fista": Solver("sortedl1", Sortedl1("fista"), 10.0),
    "scikit-learn": Solver("sklearn", sklearn_lasso, 1.0),
    "scikit-learn liblinear": Solver("sklearn", liblinear, 1.0),
    "scikit-learn saga": Solver("sklearn", saga, 1.0),
    "celer": Solver("celer", celer, 4.0),
    "skglm": Solver("skglm", skglm_lasso, 40.0),
    "skglm FISTA": Solver("skglm", skglm_slope, 1.0),
    "adelie": Solver("adelie", adelie, 1.0),
    "glmnet": Solver("glmnet", InR("glmnet"), 1e-6),
    "sgs": Solver("sgs", InR("sgs"), 1.0),
    "Newton-ALM": Solver("scipy", newton_alm, 1.0),
}


def solve(name: str, problem: Problem, tol: float) -> Answer:
    """Fit ``problem`` with a named solver; warnings are dropped because the recomputed gap is the judge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SOLVERS[name].fit(problem, tol)

"""Rare-class probabilities: rules for choosing alpha, on the ten designs of the PRESTO paper.

    python -m benchmarks.rare_events --draws 40

Each draw is fitted once per fold and once on all rows; every rule then chooses from the same paths. The
error is the mean squared difference between fitted and true P(Y = K) at the rows of the draw. "published"
is the rule of the authors' code: differences are scored as if they were coefficients. Ratios to it are
paired by draw.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem, probabilities
from sparsestats.selection.folds import check_cv
from sparsestats.selection.rules import EVIDENCE, likelihood_shares

DESIGNS = {
    **{f"sparse 1/3 {a}": (1 / 3, a) for a in [(0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
    **{f"sparse 1/2 {a}": (1 / 2, a) for a in [(0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
    **{f"dense {a}": (None, a) for a in [(0, 2.5, 4.5), (0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
}
"""Share of differences that are not 0 (None: all, uniform) and intercepts."""
N, P, K = 2500, 10, 4
FIRST = (1.0, 0.3)


def draw(design: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, y and the true probabilities; again until all are positive and every class occurs."""
    share, level = DESIGNS[design]
    while True:
        X = np.asfortranarray(rng.uniform(-1, 1, (N, P)))
        if share is None:
            psi = rng.uniform(-0.5, 0.5, (P, K - 1))
        else:
            psi = 0.5 * (rng.random((P, K - 1)) < share)
            psi[:, 1:] *= rng.choice([-1, 1], (P, K - 2))
        below = 1 / (1 + np.exp(-(X @ np.cumsum(psi, axis=1) + level)))
        truth = np.diff(np.column_stack([np.zeros(N), below, np.ones(N)]), axis=1)
        if (truth < 0).any():
            continue
        y = (rng.random((N, 1)) > below).sum(axis=1)
        if len(np.unique(y)) == K:
            return X, y, truth


def fit(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, alphas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients and intercepts along a path without order constraints."""
    native = NativeOrdinal(OrdinalProblem(X, y, K, weights, monotone="none"))
    result = native.solve_path(alphas, tol=1e-7)
    return result.coefs, result.intercepts


def scores(p: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Brier and log-loss."""
    own = p[np.arange(len(y)), y]
    return float(((p**2).sum(axis=1) - 2 * own + 1).mean()), float(-np.log(np.maximum(own, 1e-12)).mean())


def published_brier(X: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: np.ndarray) -> float:
    """The authors' score: differences in place of coefficients, no repair."""
    psi = np.diff(np.vstack([np.zeros(P), coef]), axis=0)
    below = 1 / (1 + np.exp(-(X @ psi.T + intercept)))
    p = np.diff(np.column_stack([np.zeros(len(X)), below, np.ones(len(X))]), axis=1)
    return float(((p - np.eye(K)[y]) ** 2).sum(axis=1).mean())


def one(design: str, seed: np.random.SeedSequence) -> dict[str, float]:
    """The error of every rule on one draw."""
    X, y, truth = draw(design, np.random.default_rng(seed))
    models = {f"first {f:g}": np.column_stack([np.full(P, f), np.ones((P, K - 2))]) for f in FIRST}
    splits = check_cv(5, y, classifier=True)
    rare: dict[str, np.ndarray] = {}
    cv: dict[str, np.ndarray] = {}
    paths: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, weights in models.items():
        top = NativeOrdinal(OrdinalProblem(X, y, K, weights, monotone="none")).alpha_max()
        alphas = top * np.geomspace(1, 0.01, 20)
        coefs, levels = paths[name] = fit(X, y, weights, alphas)
        fitted = [
            probabilities(X @ b.T + a, "cumulative", "logit").probabilities
            for b, a in zip(coefs, levels, strict=True)
        ]
        rare[name] = np.array([p[:, -1] for p in fitted])
        held = np.zeros((3, len(alphas)))
        for train, test in splits:
            b, a = fit(np.asfortranarray(X[train]), y[train], weights, alphas)
            for i in range(len(b)):
                p = probabilities(X[test] @ b[i].T + a[i], "cumulative", "logit").probabilities
                held[:2, i] += scores(p, y[test])
                held[2, i] += published_brier(X[test], y[test], b[i], a[i])
        cv[name] = held / len(splits)
    plain = "first 1"
    chosen = {
        "published": rare[plain][int(np.argmin(cv[plain][2]))],
        "Brier": rare[plain][int(np.argmin(cv[plain][0]))],
        "log-loss": rare[plain][int(np.argmin(cv[plain][1]))],
        "log-loss, first in 1, .3": _best(rare, cv, [f"first {f:g}" for f in FIRST]),
        "averaged, full likelihood": _mean_model(X, *paths[plain], likelihood_shares(cv[plain][1], N, 1.0)),
        "averaged, power .1": _mean_model(X, *paths[plain], likelihood_shares(cv[plain][1], N, EVIDENCE)),
    }
    out = {name: float(((p - truth[:, -1]) ** 2).mean()) for name, p in chosen.items()}
    out["oracle"] = float(((rare[plain] - truth[:, -1]) ** 2).mean(axis=1).min())
    return out


def _best(rare: dict[str, np.ndarray], cv: dict[str, np.ndarray], names: list[str]) -> np.ndarray:
    name = min(names, key=lambda m: cv[m][1].min())
    return rare[name][int(np.argmin(cv[name][1]))]


def _mean_model(X: np.ndarray, coefs: np.ndarray, levels: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """P(Y = K) of the one model whose coefficients are the weighted mean."""
    eta = X @ np.tensordot(weight, coefs, 1).T + weight @ levels
    return probabilities(eta, "cumulative", "logit").probabilities[:, -1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=40, help="draws a design")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    logs: dict[str, list[float]] = {}
    for d, design in enumerate(DESIGNS):
        rows = [one(design, np.random.SeedSequence([options.seed, d, i])) for i in range(options.draws)]
        names = list(rows[0])
        means = {name: np.mean([row[name] for row in rows]) for name in names}
        print(f"{design:24s}" + "".join(f"  {name} {1e5 * means[name]:.2f}" for name in names), flush=True)
        for name in names:
            logs.setdefault(name, []).extend(np.log(row[name] / row["published"]) for row in rows)
    print(
        f"\npooled over {len(logs['published'])} draws: geometric mean of paired ratios to the published rule"
    )
    for name, values in logs.items():
        v = np.array(values)
        by_design = [np.exp(part.mean()) for part in np.split(v, len(DESIGNS))]
        t = v.mean() / (v.std(ddof=1) / np.sqrt(len(v))) if v.any() else 0.0
        print(
            f"  {name:26s} {np.exp(v.mean()):.3f}  (t = {t:5.1f}; "
            f"worst design {max(by_design):.3f}, best {min(by_design):.3f})"
        )
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

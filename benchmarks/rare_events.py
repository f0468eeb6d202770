"""Rare-class probabilities: rules for choosing alpha, on the ten designs of the PRESTO paper.

    python -m benchmarks.rare_events --draws 40 --seeds 2601 2602 --out benchmarks/results

Each draw is fitted once per fold and once on all rows, 20 alphas from alpha_max to alpha_max / 100, first_penalty 1;
every rule then chooses from the same paths. The error is the mean squared difference between fitted and true
P(Y = K) at the rows of the draw. Ratios to the published rule are paired by draw.

- published: the rule of the authors' code, 5 folds, Brier score with differences scored as if they were coefficients;
- Brier, log-loss: the same 5 folds, the models scored;
- log-loss, 5 x 5 folds: the folds drawn five times (``PRESTOCV(cv=ss.folds(5, repeats=5), scoring="log_loss")``);
- averaged: ``selection="average"`` with the 5 folds, and with the 5 x 5;
- oracle: the best alpha of the path, which no rule can know.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from sparsestats import __version__
from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem, probabilities
from sparsestats.exceptions import DataWarning
from sparsestats.selection.folds import check_cv, folds
from sparsestats.selection.rules import likelihood_shares

from .report import markdown

DESIGNS = {
    **{f"sparse 1/3 {a}": (1 / 3, a) for a in [(0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
    **{f"sparse 1/2 {a}": (1 / 2, a) for a in [(0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
    **{f"dense {a}": (None, a) for a in [(0, 2.5, 4.5), (0, 3, 5), (0, 3.5, 5.5), (0, 4, 6)]},
}
"""Share of differences that are not 0 (None: all, uniform) and intercepts."""
N, P, K = 2500, 10, 4
FOLDS, REPEATS = 5, 5


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


def fit(X: np.ndarray, y: np.ndarray, weights: np.ndarray, alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    """The error of every rule on one draw, and the share of the rare class."""
    X, y, truth = draw(design, np.random.default_rng(seed))
    weights = np.ones((P, K - 1))
    alphas = NativeOrdinal(OrdinalProblem(X, y, K, weights, monotone="none")).alpha_max() * np.geomspace(1, 0.01, 20)
    coefs, levels = fit(X, y, weights, alphas)
    rare = np.array([rare_probability(X, b, a) for b, a in zip(coefs, levels, strict=True)])
    held = []
    for train, test in check_cv(folds(FOLDS, repeats=REPEATS), y, classifier=True):
        b, a = fit(np.asfortranarray(X[train]), y[train], weights, alphas)
        p = [
            probabilities(X[test] @ bi.T + ai, "cumulative", "logit").probabilities for bi, ai in zip(b, a, strict=True)
        ]
        published = [published_brier(X[test], y[test], bi, ai) for bi, ai in zip(b, a, strict=True)]
        held.append([(*scores(pi, y[test]), old) for pi, old in zip(p, published, strict=True)])
    brier, log_loss, published_score = np.mean(held[:FOLDS], axis=0).T
    repeated = np.mean(held, axis=0)[:, 1]
    chosen = {
        "published": rare[np.argmin(published_score)],
        "Brier": rare[np.argmin(brier)],
        "log-loss": rare[np.argmin(log_loss)],
        "log-loss, 5 x 5 folds": rare[np.argmin(repeated)],
        "averaged": mean_model(X, coefs, levels, likelihood_shares(log_loss, N)),
        "averaged, 5 x 5 folds": mean_model(X, coefs, levels, likelihood_shares(repeated, N)),
    }
    out = {name: float(((p - truth[:, -1]) ** 2).mean()) for name, p in chosen.items()}
    out["oracle"] = float(((rare - truth[:, -1]) ** 2).mean(axis=1).min())
    return out


def rare_probability(X: np.ndarray, coef: np.ndarray, level: np.ndarray) -> np.ndarray:
    return probabilities(X @ coef.T + level, "cumulative", "logit").probabilities[:, -1]


def mean_model(X: np.ndarray, coefs: np.ndarray, levels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """P(Y = K) of the one model whose coefficients are the weighted mean."""
    return rare_probability(X, np.tensordot(shares, coefs, 1), shares @ levels)


def pooled(errors: pd.DataFrame, rules: list[str]) -> list[list[str]]:
    """One row a rule: geometric mean of the paired ratios, its standard error, t, worst and best design."""
    logs = np.log(errors[rules].div(errors["published"], axis=0))
    rows = []
    for rule in rules:
        v, of = logs[rule], np.exp(logs[rule].groupby(errors["design"], sort=False).mean())
        se = v.std() / np.sqrt(len(v))
        rows.append(
            [rule, f"{np.exp(v.mean()):.3f}", f"{np.exp(v.mean()) * se:.3f}", f"{v.mean() / se:.1f}",
             f"{of.max():.3f} ({of.idxmax()})", f"{of.min():.3f}"]
        )  # fmt: skip
    return rows


def report(errors: pd.DataFrame) -> str:
    """Errors by design and rule, and ratios to the published rule: pooled, by seed and by design."""
    rules = [name for name in errors.columns if name not in ("seed", "design", "draw")]
    others = rules[1:]
    seeds = errors["seed"].unique().tolist()
    by_design = errors.groupby("design", sort=False)
    mean, spread = 1e5 * by_design[rules].mean(), 1e5 * by_design[rules].sem()
    logs = np.log(errors[others].div(errors["published"], axis=0)).groupby(errors["design"], sort=False)
    ratio, error = np.exp(logs.mean()), logs.sem()
    head = ["rule", "ratio", "se", "t", "worst design", "best design"]
    text = (
        f"# Rare-class probabilities: rules for choosing alpha\n\nsparsestats {__version__}; {len(DESIGNS)} designs, "
        f"{len(errors) // len(DESIGNS)} draws each, n = {N}, p = {P}, K = {K}; draw i of design d under seed s is "
        f"SeedSequence([s, d, i]), seeds {', '.join(map(str, seeds))}. The rules were fixed before these seeds were "
        "drawn; what each is: benchmarks/rare_events.py.\n\nGeometric mean of paired ratios of squared errors to the "
        f"published rule, pooled over {len(errors)} draws.\n\n" + markdown(head, pooled(errors, others))
    )
    if len(seeds) > 1:
        for seed in seeds:
            own = errors[errors["seed"] == seed]
            text += f"\nSeed {seed} alone, {len(own)} draws.\n\n" + markdown(head, pooled(own, others))
    text += "\nThe same ratio by design (standard error, relative).\n\n" + markdown(
        ["design", *others], [[d, *(f"{ratio.loc[d, r]:.3f} ({error.loc[d, r]:.3f})" for r in others)] for d in DESIGNS]
    )
    return (
        text
        + "\nMean squared error x 1e5 (standard error over draws).\n\n"
        + markdown(
            ["design", *rules],
            [[d, *(f"{mean.loc[d, r]:.2f} ({spread.loc[d, r]:.2f})" for r in rules)] for d in DESIGNS],
        )
    )


def write(folder: Path, errors: pd.DataFrame) -> None:
    """rare_events.csv, a row a draw, and rare_events.md."""
    folder.mkdir(parents=True, exist_ok=True)
    errors.to_csv(folder / "rare_events.csv", index=False, float_format="%.6g")
    (folder / "rare_events.md").write_text(report(errors), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40, help="draws a design and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--out", type=Path, help="folder for rare_events.csv and rare_events.md")
    options = parser.parse_args()
    # A fold may hold out no row of a class with fewer rows than folds; the draw counts all the same.
    warnings.simplefilter("ignore", DataWarning)
    began = time.perf_counter()
    found = []
    for seed in options.seeds:
        for d, design in enumerate(DESIGNS):
            for i in range(options.draws):
                row = one(design, np.random.SeedSequence([seed, d, i]))
                found.append({"seed": seed, "design": design, "draw": i, **row})
            print(f"seed {seed}, {design}: {time.perf_counter() - began:.0f} s", flush=True)
    errors = pd.DataFrame(found)
    print(report(errors))
    if options.out is not None:
        write(options.out, errors)


if __name__ == "__main__":
    main()

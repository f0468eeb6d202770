"""Races of ordinal models with other programs, at the same likelihood or the same penalised path."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np

import sparsestats as ss
from sparsestats.backend.ordinal import OrdinalProblem
from sparsestats.inference import ordinal as inference

from . import in_r, ordinal_r
from .ordinal_problems import PROBLEMS, sample
from .ordinal_r import Answer, Fit
from .ordinal_tables import Table, least
from .report import verdict

FITS = (
    Fit("statsmodels"),
    Fit("ordinal"),
    Fit("MASS"),
    Fit("VGAM"),
    Fit("ordinal", parallel=False),
    Fit("VGAM", parallel=False),
    *(Fit("ordinal", link=link) for link in ("probit", "cloglog", "loglog")),
    *(Fit("VGAM", family, parallel=parallel) for family in ("sratio", "cratio", "acat") for parallel in (True, False)),
)
GOALS = {Fit("statsmodels"): 20, Fit("ordinal"): 10}
"""Ratios wanted at the proportional-odds maximum."""


def ours(fit: Fit) -> ss.PRESTO:
    """The same model; without order constraints, as the peers have none."""
    return ss.PRESTO(
        alpha=0.0, parallel=fit.parallel, family=fit.family, link=fit.link, monotone="none", tol=1e-10
    )  # fmt: skip


def standard_errors(fit: Fit, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the slopes: a column each where all boundaries share them, else boundary by boundary."""
    K, p = int(y.max()) + 1, X.shape[1]
    weights = np.ones((p, K - 1))
    if fit.parallel:
        weights[:, 1:] = np.inf
    problem = OrdinalProblem(X, y, K, weights, family=fit.family, link=fit.link, monotone="none")
    table = inference.wald_table(problem, [f"{j:06d}" for j in range(p)])
    slopes = table[table["column"] != "(intercept)"].sort_values(["boundary", "column"])
    return slopes["std_error"].to_numpy()


def by_statsmodels(X: np.ndarray, y: np.ndarray) -> Answer:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return OrderedModel(y, X, distr="logit").fit(method="bfgs", disp=0, maxiter=500)

    seconds, found = least(fit, 3)
    p, m = X.shape[1], int(y.max())
    level = found.model.transform_threshold_params(found.params)[1:-1]
    return Answer(seconds, np.array([found.llf]), level, np.tile(-found.params[:p], m), found.bse[:p])


def agreement(fit: Fit, model: ss.PRESTO, answer: Answer, X: np.ndarray, y: np.ndarray) -> dict[str, float | None]:
    """A peer's log-likelihood less ours, relative; how far its coefficients are, and its standard errors, relative."""
    likelihood = -len(y) * model.certificate_.objective
    error = None
    if answer.error.size:
        error = float(np.abs(standard_errors(fit, X, y) / answer.error - 1).max())
    return {
        "log-likelihood": likelihood,
        "theirs less ours": float(answer.likelihood[0] - likelihood) / abs(likelihood),
        "coefficients": float(np.abs(answer.coef - model.coef_.ravel()).max()),
        "standard errors": error,
    }


def against_likelihoods(turns: int, quick: bool) -> Table:
    """Maximum likelihood by every package found; one that is not has a row that says so."""
    table = Table(
        "Maximum likelihood, ours and theirs",
        {"ours, ms": ".2f", "theirs, ms": ".1f", "ratio": ".1f", "goal": "g", "log-likelihood": ".4f",
         "theirs less ours": ".0e", "coefficients": ".0e", "standard errors": ".0e"},
    )  # fmt: skip
    found = in_r.versions()
    for name in ("A",) if quick else ("A", "C"):
        shape, problem = PROBLEMS[name]
        X, y = sample(*problem)
        by_r = [fit for fit in FITS if fit.package in found]
        answers = dict(zip(by_r, ordinal_r.run(X, y, by_r), strict=True)) if by_r else {}
        if importlib.util.find_spec("statsmodels") is not None:
            answers[Fit("statsmodels")] = by_statsmodels(X, y)
        for fit in FITS:
            words = f"{fit.family} {fit.link} {'parallel' if fit.parallel else 'by boundary'}"
            peer = {**ordinal_r.PACKAGES, "statsmodels": "statsmodels (bfgs)"}[fit.package]
            row = {"problem": f"{name}, {shape}", "model": words, "peer": peer}
            if fit not in answers:
                table.add(**row, note="not installed")
                continue
            answer = answers[fit]
            if answer.failure:
                table.add(**row, note=answer.failure)
                continue
            seconds, model = least(lambda fit=fit, X=X, y=y: ours(fit).fit(X, y), 5 * turns)
            ratio, goal = answer.seconds / seconds, GOALS.get(fit)
            times = {"ours, ms": 1e3 * seconds, "theirs, ms": 1e3 * answer.seconds, "ratio": ratio}
            met = None if goal is None else ratio >= goal
            table.add(**row, **times, goal=goal, met=verdict(met), **agreement(fit, model, answer, X, y))
    return table


def against_authors(directory: Path, turns: int, quick: bool) -> Table:
    """The published program's path beside ours with and without order constraints, objectives compared."""
    table = Table(
        "PRESTO path of 20, ours and ordinalNet 2.12 with the authors' edits (R)",
        {"ours, ms": ".1f", "theirs, s": ".2f", "ratio": ".0f", "goal": "g", "our worst gap": ".1e",
         "theirs above ours, first 15": ".0e", "of all": ".0e"},
    )  # fmt: skip
    fit = Fit("authors")
    for name in ("A",) if quick else ("A", "B"):
        shape, problem = PROBLEMS[name]
        X, y = sample(*problem)
        alphas = ss.PRESTO().alpha_max(X, y) * np.geomspace(1, 0.01, 20)
        (answer,) = ordinal_r.run(X, y, [fit], alphas=alphas, directory=directory)
        if answer.failure:
            table.add(problem=f"{name}, {shape}", note=answer.failure)
            continue
        psi = answer.coef.reshape(20, -1, X.shape[1]) * X.std(axis=0)
        theirs = -answer.likelihood / len(y) + alphas * np.abs(psi).sum(axis=(1, 2))
        for monotone, words in (("auto", "in order at every row"), ("none", "without order constraints")):
            seconds, path = least(
                lambda m=monotone, X=X, y=y, a=alphas: ss.PRESTO(monotone=m, tol=1e-9).path(X, y, a), turns
            )
            above = theirs - np.array([c.objective for c in path.certificates])
            ratio = answer.seconds / seconds
            times = {"ours, ms": 1e3 * seconds, "theirs, s": answer.seconds, "ratio": ratio}
            table.add(
                **{"problem": f"{name}, {shape}", "model": words, **times, "goal": 150, "": verdict(ratio >= 150),
                   "our worst gap": max(c.relative for c in path.certificates),
                   "theirs above ours, first 15": float(np.abs(above[:15]).max()), "of all": float(above.max())}
            )  # fmt: skip
    return table

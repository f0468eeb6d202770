"""Inference for a fit by formula: its rows made again, what is asked checked, the answer in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..estimators._resample import Resampler, SplitTests
from ..formula import Design
from ..inference.splitting import ENOUGH, TESTED, aggregated, false_bound
from ..report.fit import Fit
from ..report.inferred import Inferred, bootstrapped, found_terms, free_terms, split_tested, stable_over
from ..report.tables import number
from ..selection.resample import Units
from ..validation import check_jobs
from .response import Rows

OPTIONS: dict[str, dict[str, Any]] = {
    "bootstrap": {"n_boot": 200, "level": 0.95},
    "split": {"n_splits": 100},
    "stability": {"n_splits": 50, "threshold": 0.75},
}
"""Method -> its arguments and their defaults."""


def inferred(
    again: Callable[[Any], tuple[Design, Rows]],
    fit: Fit,
    method: str,
    given: Mapping[str, Any],
    *,
    random_state: Any,
    n_jobs: int | None,
    verbose: int,
) -> Inferred:
    """What ``Fit.infer`` returns; ``again`` makes the design and the rows of the fit, which would double its memory."""
    options = _checked(method, given)
    check_jobs(n_jobs)
    built, rows = again(fit.template)
    if method != "bootstrap" and len(_penalised(fit)) == 0:
        raise ValueError(f'no term is penalised, so none is selected: infer("{method}") has nothing to say.')
    if method == "split":
        _check_testable(fit, built)
    chance = {"random_state": random_state, "n_jobs": n_jobs, "verbose": verbose}
    seeded = f", random_state {random_state}" if isinstance(random_state, Integral) else ""
    model, observations = _resampler(fit, built, rows)
    seeded += f"; alpha {number(model.alpha)}"
    units = f"{len(model.units)} {'rows' if built.row_groups is None else 'whole row groups'}"
    if method == "bootstrap":
        return _bootstrap(fit, model, options, chance, units, seeded)
    if method == "stability":
        return _stability(fit, model, options, chance, units, seeded)
    return _split(fit, model, observations, int(options["n_splits"]), chance, units, seeded)


def _checked(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if method not in OPTIONS:
        raise ValueError(f"method must be one of {', '.join(map(repr, OPTIONS))}; got {method!r}.")
    usual = OPTIONS[method]
    for name in given:
        if name not in usual:
            raise ValueError(f'infer("{method}") has no {name}; it has {" and ".join(usual)}.')
    options = {**usual, **given}
    for name, least in (("n_boot", 2), ("n_splits", 1)):
        value = options.get(name, least)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number >= {least}; got {value!r}.")
    level = options.get("level", 0.5)
    if not (isinstance(level, Real) and 0 < float(level) < 1):
        raise ValueError(f"level must be a number between 0 and 1, such as 0.95; got {level!r}.")
    threshold = options.get("threshold", 1.0)
    if not (isinstance(threshold, Real) and 0.5 < float(threshold) <= 1):
        raise ValueError(f"threshold must be above 0.5, where the bound begins, and at most 1; got {threshold!r}.")
    return options


def _check_testable(fit: Fit, built: Design) -> None:
    loss = _loss(fit)
    if loss.native not in TESTED:
        raise ValueError(
            f'infer("split") tests gaussian, binomial and poisson models; this one is {fit.family}, with the '
            f'{loss.name} loss. infer("bootstrap") knows all.'
        )
    if built.row_groups is not None:
        raise ValueError(
            'infer("split") tests rows as independent observations, and row_groups say that they are not; '
            'infer("bootstrap") draws whole row groups.'
        )


def _loss(fit: Fit) -> Any:
    """The loss of the fit; a classifier's depends on its classes, which a fitted one knows."""
    return fit.template.at(fit.path, fit.alpha)._loss


def _resampler(fit: Fit, built: Design, rows: Rows) -> tuple[Resampler, np.ndarray]:
    """The model on the rows that weigh something, and how many observations each of these stands for."""
    assert fit.alpha is not None
    n, weight, y = len(rows.y), rows.sample_weight, np.asarray(rows.y)
    size = np.ones(n)
    if rows.source is not None and weight is not None:  # a row that counts outcomes weighs their number
        own = 1.0 if built.sample_weight is None else built.sample_weight[rows.source]
        size = weight / own
    held = np.arange(n) if weight is None else np.flatnonzero(weight > 0)
    worker = copy(fit.template)
    problem = worker._problem(
        np.asfortranarray(rows.X[held]),
        y[held],
        None if weight is None else weight[held],
        None if rows.offset is None else rows.offset[held],
        checked=True,
    )
    groups = None if rows.row_groups is None else np.asarray(rows.row_groups)[held]
    # Penalized with a binomial loss has classes as well, though it may be given their probabilities.
    classes = is_classifier(worker) or (problem.loss.native == "binomial" and np.isin(y, (0, 1)).all())
    units = Units.of(len(held), groups, y[held].astype(np.intp) if classes else None)
    return Resampler(worker, problem, fit.alpha, units), size[held]


def _bootstrap(
    fit: Fit, model: Resampler, options: Mapping[str, Any], chance: Mapping[str, Any], units: str, seeded: str
) -> Inferred:
    n_boot = int(options["n_boot"])
    found = model.bootstrap(n_boot, **chance)
    drawn = f"{n_boot} replicates of {units} drawn with replacement"
    drawn += " within classes" * model.units.stratified
    more = '; see fit.infer("split")' if _loss(fit).native in TESTED else ""
    notes = [
        "Percentile intervals of penalised estimates tell how stable these are; they are pulled towards 0, as the "
        "estimates. frequency: share of the replicates that select it.",
        f"No p-values: selection was data-driven{more}.",
        *_unconverged(found.converged, "replicates"),
    ]
    return bootstrapped(fit, found.coefs, found.intercepts, float(options["level"]), drawn + seeded, notes)


def _stability(
    fit: Fit, model: Resampler, options: Mapping[str, Any], chance: Mapping[str, Any], units: str, seeded: str
) -> Inferred:
    tested, threshold, n_splits = _penalised(fit), float(options["threshold"]), int(options["n_splits"])
    halves = model.halves(n_splits, **chance)
    selected = halves.coefs != 0
    bound, share = false_bound(found_terms(selected, [fit.columns.by_term[t] for t in tested]), threshold)
    drawn = f"both halves of {n_splits} random splits of {units}" + ", stratified by class" * model.units.stratified
    told = (
        f"of those it selects no more often than that (probability {number(share)}), at most {number(bound)} are "
        "expected among the stable ones."
        if bound < len(tested)
        else "that is too many for a bound on the stable ones: it says nothing here."
    )
    notes = [
        f"Stable: selected by {threshold:g} of the halves or more. A half selects {number(share * len(tested))} of the "
        f"{len(tested)} penalised terms on average; {told}",
        "No p-values: selection was data-driven; frequency is the share of the halves that select a term.",
        *_unconverged(halves.converged, "halves"),
    ]
    return stable_over(fit, selected, tested, threshold, drawn + seeded, notes)


def _penalised(fit: Fit) -> np.ndarray:
    """Positions of the terms that selection is about; a term with a free column is in every model."""
    return np.flatnonzero(~free_terms(fit))


def _split(
    fit: Fit,
    model: Resampler,
    observations: np.ndarray,
    n_splits: int,
    chance: Mapping[str, Any],
    units: str,
    seeded: str,
) -> Inferred:
    columns, tested = fit.columns, _penalised(fit)
    found = model.split([columns.by_term[t] for t in tested], observations, n_splits, **chance)
    untested = found.saturated | found.separated
    if untested.all():
        raise ValueError(f"no split could be tested: {_untested(found)}. Take a larger alpha.")
    halves = f"{n_splits} random {'halves' if n_splits > 1 else 'half'} of {units}"
    halves += ", stratified by class" * model.units.stratified
    test = "F tests" if model.problem.loss.native == "gaussian" else "likelihood-ratio tests"
    notes = [
        f"p-values (split): {test} on the rows that did not select, family-wise over the {len(tested)} penalised "
        "terms, given the others selected. frequency: share of the halves that select the term.",
    ]
    free = [name for t, name in enumerate(columns.terms) if t not in tested]
    if free:
        notes.append(f"In every model, and not tested: {', '.join(free)}.")
    if not found.selected.any():
        notes.append("No split selected a term at this alpha: nothing was tested, and every p-value is 1.")
    if untested.any():
        notes.append(f"Splits without a test, which count as p = 1: {_untested(found)}.")
    if found.crowded.any():
        rarer = " of the rarer class" * (model.problem.loss.native == "binomial")
        notes.append(
            f"In {int(found.crowded.sum())} of {n_splits} splits there were fewer than {ENOUGH} observations{rarer} "
            "for a parameter: likelihood-ratio tests are liberal there."
        )
    if fit.rule in ("min", "1se"):
        notes.append(
            "alpha was cross-validated on all rows, and so has seen both halves: the p-values take it as given."
        )
    notes += _unconverged(found.converged, "halves")
    frequency, p_values = found.selected.mean(axis=0), aggregated(found.p_values)
    return split_tested(fit, tested, frequency, p_values, halves + seeded, notes)


def _untested(found: SplitTests) -> str:
    told = []
    if count := int(found.saturated.sum()):
        told.append(f"{count} of {len(found.saturated)} selected as many columns as the other half has rows, or more")
    if count := int(found.separated.sum()):
        told.append(f"in {count} of {len(found.separated)} the selected columns separate responses of the other half")
    return "; ".join(told)


def _unconverged(converged: np.ndarray, what: str) -> list[str]:
    missed = int(np.count_nonzero(~converged))
    return [f"{missed} of {len(converged)} {what} did NOT CONVERGE."] if missed else []

"""PRESTO by formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .._core import ext
from ..backend.ordinal import probabilities
from ..estimators.categories import n_observations
from ..estimators.ordinal import PRESTO
from ..exceptions import FormulaError
from ..formula import Design, Spec, design, update_formula
from ..inference.ordinal import (
    brant_test,
    likelihood_ratio,
    marginal_effects,
    maximum_likelihood,
    score_test,
    wald_table,
)
from ..report.call import Call
from ..report.fit import Training
from ..report.ordinal_fit import OrdinalFit
from ..selection.ordinal import cross_validate_ordinal
from ..selection.rules import likelihood_shares
from .arguments import Asked, check_names
from .fitting import _free_terms, _notes, split_levels, splits_of, where_learned
from .relearned import Relearned, learns
from .response import Rows, counted
from .terms import ByTerm, _checked_terms, group_labels, penalty_factors

_MOST_LEVELS = 30
"""Distinct values of a numeric response that are still taken for categories."""


def presto(
    formula: str,
    data: Any,
    *,
    alpha: float | str | None = None,
    alphas: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    row_groups: Any = None,
    cv: Any = 10,
    selection: str = "min",
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    unpenalized: Any = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    terms_in_folds: bool = False,
    **params: Any,
) -> OrdinalFit:
    """PRESTO by formula: ordinal regression shrunk towards proportional odds.

    Minimises ``-(1/n) sum_i w_i log P(Y = y_i) + alpha * sum_jk h(psi_jk)``, w the rows' weights (their sum n), psi the
    first boundary's standardised coefficients and the differences between adjacent boundaries, h the absolute value
    (with a squared part for ``l1_ratio`` below 1); see :class:`sparsestats.PRESTO`.
    A positive estimate moves towards LOWER levels (``reverse=True`` turns the model round), and so does a positive
    offset: MASS::polr and ordinal::clm subtract theirs.

    Parameters
    ----------
    formula : str
        ``"rating ~ temp + contact + C(judge)"``. The response is an ordered factor, ``C(y, levels=[...])``, a
        whole number with few values, or counts: ``cbind(yes, no)``, or ``cbind(none, mild, severe)`` in the
        order of the levels.
    data : pandas or polars DataFrame
    alpha, alphas, sample_weight, offset, row_groups, cv, random_state, n_jobs, unpenalized, missing, env,
    terms_in_folds
        As in :func:`slope`; an integer ``cv`` is stratified.
    selection : {"min", "1se", "average"}, default "min"
        With ``alpha="cv"``: the best alpha, the largest within one standard error of it, or the mean of the
        path's models, each weighted by its held-out likelihood (:class:`sparsestats.PRESTOCV`), which predicts
        rare classes best.
    scoring : str, callable or None
        None is "brier"; "log_loss", "rare_log_loss", "rare_brier", "misclassification", or a scikit-learn
        scorer.
    **params
        Of the estimator: l1_ratio, first_penalty, parallel (bool, or a list of terms), family, link, reverse,
        monotone, repair, standardize, penalty ("l1", "group", "slope", "mcp" or a penalty; groups are the terms,
        or groups={term: name}), penalty_factor (array, or dict of term to number), solver, tol, max_iter,
        constraints (called with variables by term or column, (K-1, columns) each, a row a boundary as in ``coef()``),
        verbose.

    Returns
    -------
    OrdinalFit

    Raises
    ------
    TypeError
        For an argument that does not exist.
    FormulaError
        For a formula outside the vocabulary.
    ValueError
        For a response without an order, data or a parameter that cannot be used.

    References
    ----------
    Faletto & Bien (2023), Predicting rare events by shrinking towards proportional odds, ICML.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> birds = load_penguins().dropna()
    >>> order = "C(island, levels=['Torgersen', 'Dream', 'Biscoe'])"
    >>> fit = ss.presto(order + " ~ body_mass_g + sex", birds, alpha=0.01)
    >>> list(fit.predict(type="prob").columns)
    ['Torgersen', 'Dream', 'Biscoe']
    """
    asked = Asked(
        alpha, alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs,
        unpenalized, missing, env, terms_in_folds,
    )  # fmt: skip
    return _start(formula, data, asked, params)


def _start(formula: str, data: Any, asked: Asked, params: Mapping[str, Any]) -> OrdinalFit:
    check_names("presto", params, set(PRESTO().get_params()) - {"alpha", "categories"})
    asked.check(("min", "1se", "average"))
    if asked.selection == "average" and asked.scoring not in (None, "log_loss"):
        raise ValueError(
            f'selection="average" weighs by likelihood: scoring must be "log_loss", got {asked.scoring!r}.'
        )
    return replace(
        _fitted(formula, data, asked.settled(), params),
        call=Call.of("ss.presto", formula, {**asked.changed(), **params}),
        again=partial(_again, formula, data, asked, params),
    )


def _again(
    formula: str,
    data: Any,
    asked: Asked,
    params: Mapping[str, Any],
    change: str | None,
    changes: Mapping[str, Any],
) -> OrdinalFit:
    """The same call with a changed formula or changed arguments."""
    changes = dict(changes)
    formula = formula if change is None else update_formula(formula, change)
    data = changes.pop("data", data)
    common = {name: changes.pop(name) for name in Asked.names() if name in changes}
    return _start(formula, data, replace(asked, **common), {**params, **changes})


def _fitted(formula: str, data: Any, asked: Asked, params: Mapping[str, Any]) -> OrdinalFit:
    read = partial(
        design, formula, data, missing=asked.missing, env=asked.env, offset=asked.offset,
        sample_weight=asked.sample_weight, row_groups=asked.row_groups,
    )  # fmt: skip
    built = read(unpenalized=_free_terms(asked.unpenalized, params.get("penalty_factor")))
    likelihood = asked.alpha == 0
    if likelihood:  # nothing is penalised: factors are coded against their first level, as in any regression
        built = read(unpenalized=[term.name for term in built.spec.terms] or None)
    if built.response is None:
        raise FormulaError(f"The formula {formula!r} has no response; write it on the left: 'y ~ x'.")
    if not built.names:
        raise FormulaError(f"The formula {formula!r} has no term besides the intercepts: nothing to select.")
    if not built.spec.fit_intercept:
        raise FormulaError("Boundaries between ordered classes are intercepts: the formula cannot leave them out.")
    rows = ordered_classes(built)
    model = _prepared(params, built.spec, len(rows.levels or ()))
    if likelihood:
        model.set_params(penalty_factor=None)  # alpha_po is about the penalty that was asked for
    equal = model._penalty() is None and model.l1_ratio == 1
    alphas = asked.alphas if asked.alpha is None or asked.alpha == "cv" else [float(asked.alpha)]
    every, rows = rows, _with_weight(rows)
    path = model.path(rows.X, rows.y, alphas, sample_weight=rows.sample_weight, offset=rows.offset)
    path = replace(path, feature_names=built.spec.names, categories=_array(rows.levels or ()))
    problem = model._problem(model._rows(rows.X, rows.y, rows.sample_weight, rows.offset))
    if problem.sample_weight is not None:  # as many as were observed, not as there are rows or cells
        observed = n_observations(built.y, built.sample_weight)
        problem = replace(problem, sample_weight=problem.weights * (observed / problem.weights.sum()))
    made = OrdinalFit(
        call=Call("", formula),
        spec=built.spec,
        template=model,
        path=path,
        family=model.family,
        levels=rows.levels or (),
        nobs=len(built.X),
        n_dropped=built.n_dropped,
        notes=(
            *_notes(built),
            *(split_levels(built.spec, 'penalty="group"') if equal else ()),
            *asked.unheeded(asked.alpha),
        ),
        random_state=asked.random_state,
        training=Training(data, built.mask, asked.offset),
        counts=np.bincount(rows.y, rows.sample_weight, len(rows.levels or ())).tolist(),
        alpha_po=model.alpha_po(rows.X, rows.y, rows.sample_weight, rows.offset),
        references=_references(problem, model),
        codes=rows.y,
        weights=problem.weights,
        rows=rows.X,
        row_offset=rows.offset,
        tests=_tests(problem),
        inference=_inference(problem, built.spec.names, path.boundaries, rows.levels or (), model.reverse),
    )
    if asked.alpha is None:
        return made
    if asked.alpha != "cv":
        return _at(made, float(asked.alpha))
    cv = _validated(model, every, built, data, made, asked)
    made = replace(made, cv=replace(cv, learned=where_learned(built.spec, asked.terms_in_folds)))
    return _at(_averaged(made) if cv.scoring == "log_loss" else made, asked.selection)


def _averaged(made: OrdinalFit) -> OrdinalFit:
    """The fit with the mean of its path."""
    assert made.cv is not None
    shares = likelihood_shares(made.cv.mean, round(made.weights.sum()))
    mean = made.path.averaged(shares, made.cv.alpha_min)
    scale = mean.certificates[0].scale
    share_of_deviance = 1 - made.in_sample(mean, mean.alphas[0])[0] / scale if scale > 0 else 0.0
    return replace(made, shares=shares, average=replace(mean, deviance_ratio=np.array([share_of_deviance])))


def _with_weight(rows: Rows) -> Rows:
    """The rows that count: tests, probabilities and tables of a fit must not meet one that it never saw."""
    weight = rows.sample_weight
    if weight is None or weight.min() > 0:
        return rows
    held = weight > 0
    return replace(
        rows, X=np.asfortranarray(rows.X[held]), y=rows.y[held], sample_weight=weight[held],
        offset=None if rows.offset is None else rows.offset[held],
    )  # fmt: skip


def _array(levels: tuple[Any, ...]) -> np.ndarray:
    """The levels as an array of their own type."""
    out = np.asarray(levels)
    return out if len({type(level) for level in levels}) == 1 else np.asarray(levels, dtype=object)


def ordered_classes(built: Design) -> Rows:
    """Rows for an ordinal likelihood, y the position of the category.

    Raises
    ------
    ValueError
        When the response has no order, too many values, or a single class.
    """
    response, y = built.response, built.y
    assert response is not None and y is not None
    if response.kind == "counts":
        return counted(built)
    levels: tuple[Any, ...]
    if response.kind == "numeric":
        found = np.unique(y)
        if len(found) > _MOST_LEVELS or (found != np.round(found)).any():
            raise ValueError(
                f"{response.name} is a number with {len(found)} values; an ordered response needs "
                f"categories. Cut it, or write C({response.name}, levels=[...])."
            )
        levels = tuple(int(v) for v in found)
        codes = np.searchsorted(found, y)
    else:
        levels = response.levels or ()
        if response.kind == "factor" and not response.ordered and len(levels) > 2:
            shown = ", ".join(map(repr, levels[:8])) + (", ..." if len(levels) > 8 else "")
            raise ValueError(
                f"The categories of {response.name} have no order. Give it: C({response.coded}, levels=[{shown}]) in "
                "the order meant, or an ordered categorical dtype."
            )
        codes = y.astype(np.int64)
    if len(levels) < 2:
        raise ValueError(f"The response {response.name} has one class only in the rows used: {levels[0]!r}.")
    return Rows(built.X, codes, built.sample_weight, built.offset, built.row_groups, levels=tuple(levels))


def _prepared(params: Mapping[str, Any], spec: Spec, K: int) -> PRESTO:
    parallel = params.get("parallel", False)
    named = [parallel] if isinstance(parallel, str) else parallel
    model = PRESTO(**{**params, "parallel": named, "groups": None})
    model._validate_params()
    settings: dict[str, Any] = {
        "penalty_factor": penalty_factors(model.penalty_factor, spec),
        "categories": np.arange(K),
    }
    penalty = model._penalty()
    if penalty is not None and penalty.grouped:
        settings["groups"] = group_labels(params.get("groups"), spec)
    elif params.get("groups") is not None:
        raise ValueError(f'groups={params["groups"]!r} has no use here: a penalty of groups is penalty="group".')
    if callable(model.constraints):
        settings["constraints"] = ByTerm.of(model.constraints, spec, "coef")
    if not isinstance(named, bool):
        terms = _checked_terms("parallel", dict.fromkeys(named), spec)
        settings["parallel"] = [j for j, g in enumerate(spec.groups) if terms[g] in named]
    return model.set_params(**settings)


def _references(problem: Any, model: PRESTO) -> dict[str, np.ndarray]:
    """Probabilities of the proportional-odds and null models at the rows of the fit, categories in order."""
    coef, intercept, _, _ = maximum_likelihood(problem, parallel=True)
    eta = problem.X @ coef.T + intercept
    if problem.offset is not None:
        eta = eta + problem.offset[:, None]
    flip = slice(None, None, -1) if model.reverse else slice(None)
    shared = probabilities(eta, problem.family, problem.link).probabilities[:, flip]
    share = np.bincount(problem.codes, weights=problem.weights, minlength=problem.n_classes) / problem.weights.sum()
    return {"prop. odds": shared, "null": np.tile(share[flip], (len(problem.codes), 1))}


def _inference(
    problem: Any, names: Any, boundaries: list[str], levels: tuple[Any, ...], reverse: bool
) -> dict[str, Callable[..., Any]]:
    if problem.family != "cumulative":
        return {}
    columns = [str(name) for name in names]
    return {
        "wald": partial(_wald, problem, columns, boundaries, reverse),
        "margins": partial(_margins, problem, columns, levels, reverse),
        "score": partial(score_test, problem),
        "lr": partial(likelihood_ratio, problem),
        "brant": partial(brant_test, problem, columns),
    }


def _wald(problem: Any, columns: list[str], boundaries: list[str], reverse: bool) -> pd.DataFrame:
    """The Wald table with the names of the boundaries, in the order of the categories; "all" for shared ones."""
    table = wald_table(problem, columns)
    k, m = table["boundary"].to_numpy(), len(boundaries)
    place = np.where(k < 0, -1, m - 1 - k) if reverse else k
    order = np.lexsort([place, pd.Index(["(intercept)", *columns]).get_indexer(table["column"])])
    named = np.array([*boundaries, "all"], dtype=object)[place]
    return table.assign(boundary=named).iloc[order].reset_index(drop=True)


def _margins(problem: Any, columns: list[str], levels: tuple[Any, ...], reverse: bool, contrasts: Any) -> pd.DataFrame:
    """Marginal effects with the names of the categories, in their order."""
    table = marginal_effects(problem, columns, contrasts)
    c, K = table["category"].to_numpy(), len(levels)
    place = K - 1 - c if reverse else c
    order = np.lexsort([place, np.arange(len(c)) // K])
    named = np.array([str(level) for level in levels], dtype=object)[place]
    return table.assign(category=named).iloc[order].reset_index(drop=True)


def _tests(problem: Any) -> tuple[str, ...]:
    """Tests of the assumption in words, where rows are many more than columns."""
    n, p = problem.shape
    if problem.family != "cumulative" or problem.n_classes < 3 or p * (problem.n_classes - 1) > n / 5:
        return ()
    if problem.sample_weight is not None:
        return ()
    ratio = likelihood_ratio(problem)
    return (
        str(score_test(problem)),
        "no LR test: the non-parallel fit crosses or has no maximum" if ratio is None else str(ratio),
        "of unpenalised fits",
    )


def _at(made: OrdinalFit, alpha: float | str) -> OrdinalFit:
    moved = made.at(alpha)
    assert isinstance(moved, OrdinalFit)  # `at` keeps the class
    return moved


def _validated(model: PRESTO, rows: Rows, built: Design, data: Any, made: OrdinalFit, asked: Asked) -> Any:
    """Scores of the path's alphas on held-out rows."""
    splits = splits_of(asked, rows, built, classifier=True)
    X: Any = rows.X
    if asked.terms_in_folds and learns(built.spec):
        X = Relearned(built.spec, data, np.flatnonzero(built.mask), rows.source)
    cv = cross_validate_ordinal(
        model, X, rows.y, categories=np.arange(len(rows.levels or ())), alphas=made.path.alphas,
        splits=splits, scoring="log_loss" if asked.selection == "average" else asked.scoring,
        sample_weight=rows.sample_weight, offset=rows.offset, n_jobs=asked.n_jobs,
        verbose=model.verbose, control=ext.Control(),
    )  # fmt: skip
    return replace(cv, n_nonzero=made.path.n_nonzero)

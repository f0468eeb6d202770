"""From a formula, a frame and a model to a fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from .._core import ext
from ..backend import sequences
from ..estimators._crossval import FoldPaths
from ..estimators.group_slope import GroupSLOPE, GroupSLOPEClassifier
from ..estimators.slope import SLOPE, SLOPEClassifier
from ..estimators.sparse_group_slope import SparseGroupSLOPE, SparseGroupSLOPEClassifier
from ..exceptions import FormulaError
from ..formula import Design, Spec, design, term_names, update_formula
from ..report.call import Call
from ..report.cvresult import CVResult
from ..report.fit import Fit, Training
from ..report.path import Path
from ..selection.crossval import cross_validate_path
from ..selection.folds import Splits, about_rows_used, check_cv
from ..selection.scores import of_loss
from ..validation import by_name
from . import response
from .arguments import Asked, check_names
from .inferring import inferred
from .relearned import Relearned, learns
from .response import Rows
from .terms import ByTerm, group_labels, group_names, penalty_factors

FAMILIES: dict[str, dict[str, Any]] = {
    "slope": {
        "gaussian": SLOPE,
        "poisson": SLOPE,
        "huber": SLOPE,
        "binomial": SLOPEClassifier,
        "multinomial": SLOPEClassifier,
    },
    "gslope": {
        "gaussian": GroupSLOPE,
        "poisson": GroupSLOPE,
        "huber": GroupSLOPE,
        "binomial": GroupSLOPEClassifier,
        "multinomial": GroupSLOPEClassifier,
    },
    "sgslope": {
        "gaussian": SparseGroupSLOPE,
        "poisson": SparseGroupSLOPE,
        "huber": SparseGroupSLOPE,
        "binomial": SparseGroupSLOPEClassifier,
        "multinomial": SparseGroupSLOPEClassifier,
    },
}
"""Function -> family -> estimator; a regressor takes the family as a parameter."""

SAVED = {cls.__name__: cls for classes in FAMILIES.values() for cls in classes.values()}
"""The estimators that a saved model may name."""


def model_of(function: str, family: str) -> Any:
    """A new estimator of the function's family.

    Raises
    ------
    ValueError
        When the function has no such family.
    """
    classes = FAMILIES[function]
    if not isinstance(family, str) or family not in classes:
        raise ValueError(f"family must be one of {', '.join(map(repr, classes))}, got {family!r}.")
    model = classes[family]()
    return model if is_classifier(model) else model.set_params(family=family)


def family_of(model: Any, levels: Sequence[Any] | None = None) -> str:
    """The family of an estimator, in the R door's word; of a classifier by the number of classes."""
    if is_classifier(model):
        return "binomial" if levels is None or len(levels) == 2 else "multinomial"
    return getattr(model, "family", "gaussian")


def start(
    function: str,
    formula: str,
    data: Any,
    model: Any,
    asked: Asked,
    params: Mapping[str, Any],
    family: str | None = None,
) -> Fit:
    """Check the call, fit, and remember how to do it again. Without a family the classes of the response decide."""
    check_names(function, params, set(model.get_params(deep=False)) - {"alpha"})
    asked.check()
    own: dict[str, Any] = {"model": model} if function == "fit" else {}
    if function != "fit" and family not in (None, "gaussian"):
        own["family"] = family
    return replace(
        # A model that came as an object keeps its own way to standardise.
        _fitted(formula, data, model, asked.settled(), params, family, whole_terms=function in ("slope", "gslope")),
        call=Call.of(f"ss.{function}", formula, {**own, **asked.changed(), **params}),
        again=partial(_again, function, formula, data, model, asked, params, family),
    )


def _again(
    function: str,
    formula: str,
    data: Any,
    model: Any,
    asked: Asked,
    params: Mapping[str, Any],
    family: str | None,
    change: str | None,
    changes: Mapping[str, Any],
) -> Fit:
    """The same call with a changed formula or changed arguments; ``Fit.update`` ends here."""
    changes = dict(changes)
    formula = formula if change is None else update_formula(formula, change)
    data = changes.pop("data", data)
    if function == "fit":
        model = changes.pop("model", model)
    elif "family" in changes:
        family = changes.pop("family")
        model = model_of(function, family)
    common = {name: changes.pop(name) for name in Asked.names() if name in changes}
    return start(function, formula, data, model, replace(asked, **common), {**params, **changes}, family)


def _fitted(
    formula: str,
    data: Any,
    model: Any,
    asked: Asked,
    params: Mapping[str, Any],
    family: str | None,
    whole_terms: bool,
) -> Fit:
    if getattr(model, "penalty_factor", None) is not None:  # terms that it frees are coded as free ones, too
        params = {"penalty_factor": model.penalty_factor, **params}
    built = _designed(formula, data, asked, params)
    if built.response is None:
        raise FormulaError(f"The formula {formula!r} has no response; write it on the left: 'y ~ x'.")
    if not built.names:
        raise FormulaError(f"The formula {formula!r} has no term besides the intercept: nothing to select.")
    joined = params.get("groups", getattr(model, "groups", None))
    model = _prepared(model, params, built.spec, whole_terms)
    rows = _rows(model, built, family)
    alpha = model.alpha if asked.alpha is None else asked.alpha
    alphas = asked.alphas if alpha is None or alpha == "cv" else [float(alpha)]
    worker = copy(model)  # not fitted yet: a clone would look at every parameter again
    problem = worker._problem(rows.X, rows.y, rows.sample_weight, rows.offset, checked=True)
    path = _named(worker._path(problem, alphas), built.spec, model, rows.levels, joined)
    again = partial(_rows_again, formula, data, asked, params)
    made = Fit(
        call=Call("", formula),
        spec=built.spec,
        template=model,
        path=path,
        family=family_of(model, rows.levels),
        levels=rows.levels,
        nobs=len(built.X),
        n_dropped=built.n_dropped,
        notes=(*_notes(built), *_split_note(model, built.spec), *asked.unheeded(alpha)),
        random_state=asked.random_state,
        training=Training(data, built.mask, asked.offset),
        relaxation=partial(_relaxed, again, joined),
        resampling=partial(inferred, again),
    )
    if alpha is None:
        return made
    if alpha != "cv":
        return made.at(float(alpha))
    return replace(made, cv=_validated(FoldPaths(worker, problem), rows, built, data, path, asked)).at(asked.selection)


def _designed(formula: str, data: Any, asked: Asked, params: Mapping[str, Any]) -> Design:
    return design(
        formula,
        data,
        unpenalized=_free_terms(asked.unpenalized, params.get("penalty_factor")),
        missing=asked.missing,
        env=asked.env,
        offset=asked.offset,
        sample_weight=asked.sample_weight,
        row_groups=asked.row_groups,
    )


def _rows(model: Any, built: Design, family: str | None = None) -> Rows:
    if not is_classifier(model):
        return response.numeric(built)
    assert built.response is not None
    several = family is None and len(built.response.levels or ()) > 2
    coded = response.several_classes if several or family == "multinomial" else response.two_classes
    return coded(built, each=sequences.depends_on_n(getattr(model, "sequence", ())))


def _rows_again(formula: str, data: Any, asked: Asked, params: Mapping[str, Any], model: Any) -> tuple[Design, Rows]:
    """Design and rows of a fit, made again: to keep them would double what it holds in memory."""
    built = _designed(formula, data, asked, params)
    return built, _rows(model, built)


def _relaxed(
    again: Callable[[Any], tuple[Design, Rows]], joined: Any, fitted: Any, gamma: float, clusters: bool
) -> Path:
    """The relaxed fit of an estimator that sits at an alpha, as a path of one; ``Fit.refit`` ends here."""
    built, rows = again(fitted)
    path = fitted.relaxed_path(rows.X, rows.y, rows.sample_weight, rows.offset, gamma, clusters)
    return _named(path, built.spec, fitted, rows.levels, joined)


def _free_terms(unpenalized: Any, factors: Any) -> Any:
    """The terms set free, those with a penalty factor of 0 among them: they get a free term's coding too."""
    factors = by_name(factors)
    if not isinstance(factors, Mapping):
        return unpenalized
    return [*term_names(unpenalized), *(term for term, factor in factors.items() if factor == 0)] or None


def _prepared(model: Any, params: Mapping[str, Any], spec: Spec, whole_terms: bool) -> Any:
    """A copy of the model that knows the design: its groups, its free columns, its intercept.

    With ``whole_terms`` the terms of several columns are orthonormalised, unless ``params`` say otherwise.
    """
    model = clone(model).set_params(**{name: value for name, value in params.items() if name != "groups"})
    settings: dict[str, Any] = {"penalty_factor": penalty_factors(model.penalty_factor, spec)}
    if not spec.fit_intercept:
        settings["fit_intercept"] = False
    if hasattr(model, "groups"):
        settings["groups"] = labels = group_labels(params.get("groups", model.groups), spec)
        several = np.bincount(labels[spec.penalty_factor > 0]).max(initial=0) > 1
        if whole_terms and several and "standardize" not in params:
            settings["standardize"] = "group"
    if callable(model.constraints):  # the estimator refuses anything else but None
        settings["constraints"] = ByTerm.of(model.constraints, spec, "beta")
    return model.set_params(**settings)


def _named(path: Path, spec: Spec, model: Any, levels: Sequence[Any] | None, joined: Any) -> Path:
    """The path with the formula's names of columns, groups and classes; groups of one column each are none.

    ``joined`` is what came as ``groups``: names of groups that terms were put into, by term.
    """
    if path.multinomial:
        path = replace(path, classes=np.asarray(levels))
    groups = getattr(model, "groups", None)
    if groups is None or np.bincount(groups).max(initial=0) == 1:
        return replace(path, feature_names=spec.names, groups=None, group_names=None)
    return replace(path, feature_names=spec.names, groups=groups, group_names=group_names(spec, groups, joined))


def _validated(folds: FoldPaths, rows: Rows, built: Design, data: Any, path: Path, asked: Asked) -> CVResult:
    """Scores of the path's alphas on held-out rows."""
    model = folds.worker
    splits = splits_of(asked, rows, built, is_classifier(model))
    X: Any = rows.X
    if asked.terms_in_folds and learns(built.spec):
        X = Relearned(built.spec, data, np.flatnonzero(built.mask), rows.source)
    cv = cross_validate_path(
        model,
        X,
        rows.y,
        alphas=path.alphas,
        splits=splits,
        scoring=asked.scoring,
        family=of_loss(folds.problem.loss),
        sample_weight=rows.sample_weight,
        offset=rows.offset,
        n_jobs=asked.n_jobs,
        verbose=getattr(model, "verbose", 0),
        control=ext.Control(),
        fold_path=folds,
    )
    cv = replace(cv, learned=where_learned(built.spec, asked.terms_in_folds))
    if path.groups is None:
        return replace(cv, n_nonzero=path.n_nonzero)
    return replace(cv, n_nonzero=path.n_groups_active, counted="groups")


def splits_of(asked: Asked, rows: Rows, built: Design, classifier: bool) -> Splits:
    """The folds; labels and row numbers in ``cv`` are of the rows of the data, whatever became of them."""
    origin = np.flatnonzero(built.mask)
    origin = origin if rows.source is None else origin[rows.source]
    cv = about_rows_used(asked.cv, origin, len(built.mask))
    # Labels of the folds keep the classes that a row counts together as well as the row itself would.
    labelled = built.row_groups is None and getattr(cv, "by", None) is not None
    groups = None if labelled else rows.row_groups
    # Of counts nobody spoke of row groups.
    whole = "the counts of a row" if groups is not None and built.row_groups is None else "row groups"
    return check_cv(cv, rows.y, classifier=classifier, row_groups=groups, random_state=asked.random_state, whole=whole)


def _notes(built: Design) -> tuple[str, ...]:
    """What happened to the data on the way in."""
    notes = []
    if built.n_dropped:
        worst = sorted(built.missing.items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} ({count})" for name, count in worst[:8])
        more = ", ..." if len(worst) > 8 else ""
        notes.append(f"Rows dropped for missing values: {built.n_dropped}; by variable: {told}{more}.")
    assert built.response is not None
    if built.response.unused:
        unused = ", ".join(map(str, built.response.unused))
        notes.append(f"Levels of {built.response.name} that do not occur in the rows used: {unused}.")
    if built.response.kind == "counts":
        assert built.y is not None
        none = int(np.count_nonzero(built.y.sum(axis=1) == 0))
        empty = f" {none} of {len(built.y)} rows count none and take no part." if none else ""
        notes.append(f"Rows count outcomes; each outcome enters with its count as weight.{empty}")
    return tuple(notes)


def _split_note(model: Any, spec: Spec) -> tuple[str, ...]:
    params = model.get_params(deep=False)
    equal = params.get("sequence") == "lasso" and "groups" not in params
    return split_levels(spec, "ss.gslope") if equal else ()


def split_levels(spec: Spec, grouped: str) -> tuple[str, ...]:
    """Equal weights and two dummies that sum to 1: any split of their difference costs the same."""
    names = [t.name for t in spec.terms if t.penalized and t.levels is not None and len(t.columns) == 2]
    if not names:
        return ()
    return (
        f"With equal weights only the difference of the two levels of {', '.join(names)} is unique, not its split: "
        f"{grouped} takes a factor as one term, C({names[0]}, contr.treatment) codes it as one column.",
    )


def where_learned(spec: Spec, in_folds: bool) -> str:
    if not learns(spec):
        return ""
    where = "inside each fold" if in_folds else "on all rows, before the folds (or terms_in_folds=True)"
    return f"Knots and scales of the terms were learned {where}."

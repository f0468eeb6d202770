"""A fit as JSON and back: plain values only, so that reading a file never runs what is in it."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..backend.certificate import Certificate
from ..backend.penalties import SHIPPED, Penalty
from ..formula.store import spec_to_dict
from .call import Call
from .cvresult import CVResult
from .path import Path
from .protocol import report_of

if TYPE_CHECKING:
    from .fit import Fit

FORMAT, LAYOUT = "sparsestats fit", 1
"""What the file says it is, and the version of its layout; a reader refuses layouts it does not know."""


class NotSaveable(TypeError):
    """A value that JSON cannot hold, such as a function."""


def plain(value: Any) -> Any:
    """A value as JSON holds it; arrays and numbers that are not finite are marked, for ``revive``."""
    match value:
        case np.ndarray() if value.ndim:
            return {"array": [plain(item) for item in value.tolist()], "dtype": value.dtype.kind}
        case np.generic() | np.ndarray():
            return plain(value.item())
        case float() if not math.isfinite(value):
            return {"float": repr(value)}
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case pd.DataFrame():
            return {"frame": {str(name): plain(value[name].to_numpy()) for name in value.columns}}
        case Penalty() if type(value).__name__ in SHIPPED and type(value) is SHIPPED[type(value).__name__]:
            return {"penalty": type(value).__name__, "settings": plain(vars(value))}
        case sparse.csr_array():
            return {
                "csr": [plain(part) for part in (value.data, value.indices, value.indptr)],
                "shape": list(value.shape),
            }
    raise NotSaveable(f"a {type(value).__name__} cannot be saved")


_KINDS = {"f": float, "i": np.int64, "u": np.uint64, "b": bool, "O": object, "U": str}


def revive(value: Any) -> Any:
    """The value that ``plain`` wrote."""
    if isinstance(value, list):
        return [revive(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"array": list(items), "dtype": str(kind)} if kind in _KINDS and len(value) == 2:
            return np.array([revive(item) for item in items], dtype=_KINDS[kind])
        case {"float": "nan" | "inf" | "-inf" as text} if len(value) == 1:
            return float(text)
        case {"frame": dict(columns)} if len(value) == 1:
            return pd.DataFrame({name: revive(column) for name, column in columns.items()})
        case {"penalty": str(name), "settings": dict(settings)} if len(value) == 2 and name in SHIPPED:
            return SHIPPED[name](**{key: revive(item) for key, item in settings.items()})
        case {"csr": [data, indices, indptr], "shape": [int(rows), int(width)]} if len(value) == 2:
            matrix = sparse.csr_array((revive(data), revive(indices), revive(indptr)), shape=(rows, width))
            matrix.check_format(full_check=True)  # scipy writes where an index points, also outside the matrix
            return matrix
    return {key: revive(item) for key, item in value.items()}


def to_dict(fit: Fit) -> dict[str, Any]:
    """The fit as plain JSON values.

    Raises
    ------
    NotSaveable
        For a model that is more than its numbers and names, such as one with a loss of the user's own.
    """
    if reason := report_of(fit.template).not_saveable:
        raise NotSaveable(reason)
    params, lost = saved_params(fit.template.get_params(deep=False))
    return {
        "format": FORMAT,
        "layout": LAYOUT,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("sparsestats", "numpy", "scipy", "scikit-learn")},
        },
        "call": {
            "function": fit.call.function,
            "formula": fit.call.formula,
            "arguments": dict(fit.call.arguments),
        },
        "spec": spec_to_dict(fit.spec),
        "estimator": {"class": type(fit.template).__name__, "params": params, "not_saved": lost},
        "family": fit.family,
        "levels": None if fit.levels is None else plain(list(fit.levels)),
        "nobs": fit.nobs,
        "n_dropped": fit.n_dropped,
        "alpha": fit.alpha,
        "rule": fit.rule,
        "notes": list(fit.notes),
        "random_state": fit.random_state if isinstance(fit.random_state, int) else None,
        "path": path_to_dict(fit.path),
        "cv": None
        if fit.cv is None
        else plain(
            {
                "table": fit.cv.table,
                "alphas": fit.cv.alphas,
                "mean": fit.cv.mean,
                "se": fit.cv.se,
                "index_min": fit.cv.index_min,
                "index_1se": fit.cv.index_1se,
                "scoring": fit.cv.scoring,
                "greater_is_better": fit.cv.greater_is_better,
                "n_nonzero": fit.cv.n_nonzero,
                "null": fit.cv.null,
                "folds": fit.cv.folds,
                "counted": fit.cv.counted,
                "rounds": fit.cv.rounds,
                "held_out": fit.cv.held_out,
                "learned": fit.cv.learned,
            }
        ),
    }


def saved_params(params: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters that JSON can hold, and the names of the others, such as constraints, which are code."""
    held, lost = {}, []
    for name, value in params.items():
        try:
            held[name] = plain(value)
        except NotSaveable:
            lost.append(name)
    return held, lost


def path_to_dict(path: Path) -> dict[str, Any]:
    """A path as plain JSON values."""
    p = path.coefs.shape[-1]
    return plain(
        {
            "alphas": path.alphas,
            "coefs": sparse.csr_array(path.coefs.reshape(-1, p)),
            "shape": list(path.coefs.shape),
            "intercepts": path.intercepts,
            "certificates": [c.to_dict() for c in path.certificates],
            "alpha_max": path.alpha_max,
            "deviance_ratio": path.deviance_ratio,
            "stopped": path.stopped,
            "seconds": path.seconds,
            "groups": path.groups,
            "group_names": None if path.group_names is None else list(map(str, path.group_names)),
            "sd": path.sd,
            "standardization": path.standardization,
            "info": dict(path.info),
            "penalty_factor": path.penalty_factor,
            "ranked": path.ranked,
        }
    )


def path_parts(saved: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The arguments of the path that ``path_to_dict`` wrote, for columns of these names.

    Raises
    ------
    ValueError
        When its arrays do not fit together.
    """
    parts = revive(saved)
    coefs, certificates = parts["coefs"], [Certificate(**c) for c in parts["certificates"]]
    shape, k = tuple(parts.pop("shape", coefs.shape)), len(parts["alphas"])
    if (
        shape != (*parts["intercepts"].shape, len(names))
        or parts["alphas"].shape != shape[:1]
        or coefs.shape != (math.prod(shape[:-1]), len(names))
        or len(certificates) not in (0, k)
    ):
        raise ValueError(
            f"This saved fit is damaged: coefficients of shape {shape} do not fit {k} alphas and {len(names)} columns."
        )
    return {**parts, "coefs": coefs.toarray().reshape(shape), "certificates": certificates}


def from_dict(
    saved: Any,
    *,
    spec: Callable[[Any], Any],
    estimator: Callable[[str, dict[str, Any], Any], tuple[Any, Callable[[np.ndarray], np.ndarray]]],
) -> Fit:
    """The fit that ``to_dict`` wrote.

    Parameters
    ----------
    saved : dict
    spec : callable
        Rebuilds the formula's spec, checking the formula again.
    estimator : callable
        (class name, parameters, levels of the response) -> unfitted estimator and its inverse link; refuses names
        it does not know.

    Raises
    ------
    ValueError
        When this is no saved fit, one of a later layout, or one that has been damaged.
    """
    from .fit import Fit

    with reading(saved, FORMAT):
        levels = revive(saved["levels"])
        model, mean = estimator(saved["estimator"]["class"], revive(saved["estimator"]["params"]), levels)
        common = common_parts(saved, spec)
        names, has_offset = common["spec"].names, common["spec"].has_offset
        path = Path(**path_parts(saved["path"], names), feature_names=names, mean=mean, has_offset=has_offset)
        if path.multinomial:
            path = replace(path, classes=np.asarray(levels))
        return Fit(**common, template=model, path=path, levels=levels)


@contextmanager
def reading(saved: Any, form: str, layout: int = LAYOUT) -> Iterator[None]:
    """Refuse what is no fit of this form and layout, and say so of a file that lacks something."""
    if not isinstance(saved, dict) or saved.get("format") != form:
        raise ValueError("This is not a saved sparsestats fit.")
    if saved.get("layout") != layout:
        raise ValueError(
            f"This fit was saved in layout {saved.get('layout')!r}; this version reads layout {layout}. "
            "Use the version of sparsestats that saved it, or a later one."
        )
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This saved fit is damaged or incomplete: {error}.") from error


def _cv(saved: dict[str, Any]) -> CVResult:
    columns = dict(saved.pop("table").items())
    return CVResult(partial(dict, columns), **saved)


def common_parts(saved: dict[str, Any], spec: Callable[[Any], Any]) -> dict[str, Any]:
    """The arguments that every fit has, whatever its path."""
    asked, cv = saved["call"], saved["cv"]
    return {
        "call": Call(str(asked["function"]), str(asked["formula"]), dict(asked["arguments"])),
        "spec": spec(saved["spec"]),
        "family": saved["family"],
        "nobs": saved["nobs"],
        "n_dropped": saved["n_dropped"],
        "alpha": saved["alpha"],
        "rule": saved["rule"],
        "cv": None if cv is None else _cv(revive(cv)),
        "notes": tuple(saved["notes"]),
        "random_state": saved["random_state"],
    }

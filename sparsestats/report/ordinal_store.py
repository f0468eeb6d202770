"""An ordinal fit as JSON and back: what a fit has, and what only one of an ordered response has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from .ordinal import OrdinalPath
from .store import common_parts, path_parts, path_to_dict, plain, reading, revive
from .store import to_dict as common_to_dict

if TYPE_CHECKING:
    from .ordinal_fit import OrdinalFit

FORMAT = "sparsestats ordinal fit"
_PATH = ("categories", "family", "link", "reverse", "repair")


def to_dict(fit: OrdinalFit) -> dict[str, Any]:
    """The fit as plain JSON values; scores and the Wald table stand in for the rows they came from."""
    return {
        **common_to_dict(fit),
        "format": FORMAT,
        "ordinal": plain(
            {
                **{name: getattr(fit.path, name) for name in _PATH},
                "counts": list(fit.counts),
                "alpha_po": fit.alpha_po,
                "tests": list(fit.tests),
                "shares": fit.shares,
                "scores": _scores(fit),
                "wald": fit.wald()[0],
            }
        ),
        "average": None if fit.average is None else path_to_dict(fit.average),
    }


def _scores(fit: OrdinalFit) -> Mapping[str, Any] | None:
    if fit.rows is None:
        return fit.kept_scores
    return {
        "references": fit.reference_scores(),
        "path": [fit.in_sample(fit.path, alpha) for alpha in fit.path.alphas],
        "average": None if fit.average is None else fit.in_sample(fit.average, fit.average.alphas[0]),
    }


def from_dict(saved: Any, *, spec: Callable[[Any], Any], estimator: Callable[[Mapping[str, Any]], Any]) -> OrdinalFit:
    """The fit that ``to_dict`` wrote.

    Parameters
    ----------
    saved : dict
    spec : callable
        Rebuilds the formula's spec, checking the formula again.
    estimator : callable
        Parameters -> unfitted estimator.

    Raises
    ------
    ValueError
        When this is no saved fit, one of a later layout, or one that has been damaged.
    """
    from .ordinal_fit import OrdinalFit

    with reading(saved, FORMAT):
        common, own = common_parts(saved, spec), revive(saved["ordinal"])
        names, shape = common["spec"].names, {name: own[name] for name in _PATH}

        def path(part: dict[str, Any]) -> OrdinalPath:
            offset = common["spec"].has_offset
            return OrdinalPath(**path_parts(part, names), feature_names=names, has_offset=offset, **shape)

        return OrdinalFit(
            **common,
            template=estimator(revive(saved["estimator"]["params"])),
            path=path(saved["path"]),
            levels=tuple(revive(saved["levels"])),
            counts=own["counts"],
            alpha_po=own["alpha_po"],
            tests=tuple(own["tests"]),
            inference={} if own["wald"] is None else {"wald": partial(_whole, own["wald"])},
            average=None if saved["average"] is None else path(saved["average"]),
            shares=own["shares"],
            kept_scores=own["scores"],
        )


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.copy()

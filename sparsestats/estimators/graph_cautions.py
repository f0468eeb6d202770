"""When the order of a fitted DAG may be one of its columns' units."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..exceptions import DataWarning
from .graph_report import following

if TYPE_CHECKING:
    from .dag import CoLiDE

FOLLOWS = 0.75
"""Share of edges along growing variances from which an order may be one of units, if the noise says so too."""
UNEVEN = 3.0
"""How many times the ninth decile of the noise variances exceeds the first before arrows along growing variances
are put down to units: under equal noise the ratio is 1 up to sampling (1.1 at 1000 rows, 1.5 at 100)."""
STANDARDISED = 0.01
"""Columns whose standard deviations agree to this share count as standardised."""


def standardised(model: CoLiDE, varies: np.ndarray) -> bool:
    """Whether all columns that vary have one standard deviation."""
    sd = np.sqrt(np.diagonal(model.covariance_)[varies])
    return bool(len(sd) > 2 and np.ptp(sd) <= STANDARDISED * sd.max())


def follows_variances(model: CoLiDE, varies: np.ndarray) -> bool:
    """Whether arrows follow growing variances although the noise variances are far from equal."""
    noise = model.noise_variances_[varies]
    # Deciles; np.quantile takes as long as the search over orders of 30 variables.
    at = np.array([0.1, 0.9]) * (len(noise) - 1)
    low, high = np.interp(at, np.arange(len(noise)), np.sort(noise)) if len(noise) else (0.0, 0.0)
    return bool(
        np.count_nonzero(model.adjacency_) >= 3
        and model.varsortability_ >= FOLLOWS
        and high > UNEVEN * low
        and not model.standardised_
    )


def warn_of_units(model: CoLiDE, varies: np.ndarray) -> None:
    """Say both where the score of the fit reads directions off variances."""
    if model.standardised_:
        warnings.warn(
            "all columns have the same variance: the concomitant score tells directions by variances, "
            "which standardising removes. Fit the columns in their own units, or use "
            'refine="bic"',
            DataWarning,
            stacklevel=4,
        )
    if model.follows_variances_:
        noise = model.noise_variances_[varies]
        warnings.warn(
            f"{following(model)} from smaller to larger variance, yet the noise is far from equal "
            f"(sd {np.sqrt(noise.min()):.3g} to {np.sqrt(noise.max()):.3g}): the order may only follow "
            "the units of the columns. Put them on one scale that means something, or use "
            'refine="bic", which leans on units less',
            DataWarning,
            stacklevel=4,
        )

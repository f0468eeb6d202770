"""Small real tables for examples, vignettes and tests; where each comes from is told in data/README.md."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import IO

import pandas as pd

__all__ = ["load_fair", "load_penguins"]


def load_penguins() -> pd.DataFrame:
    """Palmer penguins: body measurements of 344 birds of three species.

    Two birds were never measured and nine more have no sex recorded; those cells are
    missing, no row is dropped.

    Returns
    -------
    pandas.DataFrame, 344 rows and 8 columns
        ``species`` (Adelie, Chinstrap, Gentoo), ``island`` (Biscoe, Dream, Torgersen), ``bill_length_mm``,
        ``bill_depth_mm``, ``flipper_length_mm``, ``body_mass_g``, ``sex`` (female, male) and ``year``.

    Raises
    ------
    FileNotFoundError
        If the installation has lost its table.

    References
    ----------
    Gorman, Williams and Fraser (2014). PLoS ONE 9(3): e90081. Table of Horst, Hill and Gorman (2020), CC0.

    Examples
    --------
    >>> from sparsestats.datasets import load_penguins
    >>> penguins = load_penguins()
    >>> penguins.shape
    (344, 8)
    >>> int(penguins["sex"].isna().sum())
    11
    """
    with _open("penguins.csv") as file:
        return pd.read_csv(file)


def load_fair() -> pd.DataFrame:
    """Fair's survey of extramarital affairs: 6366 women, with an ordered rating of their marriage.

    ``rate_marriage`` is an ordered outcome with a rare end: 99 women chose 1, the lowest rating. The table is
    read from the copy that statsmodels installs and is not part of sparsestats: its author gave statsmodels
    permission to include it.

    Returns
    -------
    pandas.DataFrame, 6366 rows and 9 float columns
        ``rate_marriage`` (1 very poor .. 5 very good), ``age``, ``yrs_married``, ``children``, ``religious``
        (1 not .. 4 strongly), ``educ`` (years), ``occupation`` and ``occupation_husb`` (codes 1 to 6),
        ``affairs`` (time spent in affairs).

    References
    ----------
    Fair (1978). A theory of extramarital affairs. Journal of Political Economy 86, 45-61.

    Examples
    --------
    >>> from sparsestats.datasets import load_fair
    >>> fair = load_fair()
    >>> fair.shape
    (6366, 9)
    >>> fair["rate_marriage"].value_counts().sort_index().astype(int).tolist()
    [99, 348, 993, 2242, 2684]
    """
    # statsmodels takes over a second to import, so only a call pays for it.
    from statsmodels.datasets import fair

    return fair.load_pandas().data


def _open(name: str) -> IO[bytes]:
    """Open a shipped table, from the installed package or from a checkout.

    A wheel has the folder inside the package; a checkout (run in place or installed editable) beside it.
    """
    shipped = files("sparsestats") / "data" / name
    if shipped.is_file():
        return shipped.open("rb")
    beside = Path(__file__).resolve().parent.parent / "data" / name
    if beside.is_file():
        return beside.open("rb")
    raise FileNotFoundError(
        f"The table {name!r} that ships with sparsestats is missing from this installation: install it again."
    )

"""The shipped tables are whole, typed as described, and found however the package was installed."""

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from sparsestats import datasets
from sparsestats.datasets import load_fair, load_penguins

CHECKOUT = Path(__file__).resolve().parent.parent


def test_penguins_has_the_published_counts():
    penguins = load_penguins()
    assert list(penguins.columns) == [
        "species",
        "island",
        "bill_length_mm",
        "bill_depth_mm",
        "flipper_length_mm",
        "body_mass_g",
        "sex",
        "year",
    ]
    assert penguins["species"].value_counts().to_dict() == {"Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert penguins["body_mass_g"].mean() == pytest.approx(4201.754386, abs=1e-6)  # published mean, 10 digits


def test_penguins_keeps_missing_cells_and_rows():
    missing = load_penguins().isna().sum()
    assert missing[["sex", "body_mass_g", "bill_length_mm", "species", "year"]].tolist() == [11, 2, 2, 0, 0]
    assert len(load_penguins().dropna()) == 333


def test_each_call_returns_its_own_frame():
    first = load_penguins()
    first.loc[:, "body_mass_g"] = 0.0
    assert load_penguins()["body_mass_g"].max() > 0


def test_fair_has_the_published_counts():
    fair = load_fair()
    assert fair.shape == (6366, 9)
    assert fair["rate_marriage"].value_counts().sort_index().tolist() == [99, 348, 993, 2242, 2684]
    assert isinstance(fair, pd.DataFrame) and not fair.isna().any().any()


def test_shipped_table_has_the_checksum_its_readme_tells():
    # A table edited by hand or by line-ending conversion would no longer be the one whose licence we quote.
    told = re.search(r"sha256 `([0-9a-f]{64})`", (CHECKOUT / "data" / "README.md").read_text(encoding="utf-8"))
    assert told is not None
    assert hashlib.sha256((CHECKOUT / "data" / "penguins.csv").read_bytes()).hexdigest() == told[1]


@pytest.mark.parametrize("layout", ["wheel", "checkout"])
def test_table_is_found_in_both_layouts(tmp_path, monkeypatch, layout):
    package = tmp_path / "sparsestats"
    table = (package if layout == "wheel" else tmp_path) / "data" / "penguins.csv"
    table.parent.mkdir(parents=True)
    table.write_text(f"species,layout\nAdelie,{layout}\n", encoding="utf-8")
    monkeypatch.setattr(datasets, "files", {"sparsestats": package}.__getitem__)
    monkeypatch.setattr(datasets, "__file__", str(package / "datasets.py"))
    assert load_penguins()["layout"].tolist() == [layout]


def test_lost_table_says_which_and_what_to_do():
    with pytest.raises(FileNotFoundError, match=r"'absent\.csv'.*install it again"):
        datasets._open("absent.csv")

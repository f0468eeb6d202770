import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def data():
    """60 rows: numbers, two factors (one ordered, with an unused level), a bool, and an awkward name."""
    rng = np.random.default_rng(20261)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "age": rng.uniform(20, 80, n),
            "dose": rng.integers(1, 4, n),
            "g": rng.choice(["a", "b", "c"], n),
            "stage": pd.Categorical(
                rng.choice(["low", "mid", "high"], n),
                categories=["low", "mid", "high", "extreme"],
                ordered=True,
            ),
            "smoker": rng.random(n) < 0.4,
            "my col": rng.normal(size=n),
            "yes": rng.integers(1, 9, n),
            "no": rng.integers(1, 9, n),
        }
    )

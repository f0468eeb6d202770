import pickle

import numpy as np
import pytest

import sparsestats as ss
from sparsestats.backend.certificate import Certificate, Certificates
from sparsestats.exceptions import ConvergenceWarning

ONE_BY_ONE = [
    Certificate("gap", 2e-9, 0.5, 1e-8, 0.3, 0.3 - 2e-9, 7, "tol"),
    Certificate("gap", 2e-8, 0.5, 1e-8, 0.3, 0.3 - 2e-8, 100, "max_iter"),
    Certificate("newton", 0.0, 0.0, 1e-8, 0.0, 0.0, 0, "tol"),  # a constant response: nothing to be a share of
    Certificate("gap", 1e-30, 0.0, 1e-8, 0.0, -1e-30, 3, "precision"),
    Certificate("gap", float("nan"), 1.0, 1e-8, 0.0, 0.0, 3, "precision"),
]


def test_by_column_certificates_are_what_they_are_one_by_one():
    by_column = Certificates.of(ONE_BY_ONE)
    assert len(by_column) == 5 and by_column[1:3] == ONE_BY_ONE[1:3] and by_column[-2] == ONE_BY_ONE[-2]
    assert list(by_column)[:4] == ONE_BY_ONE[:4] and str(by_column[1]) == str(ONE_BY_ONE[1])
    with pytest.raises(IndexError):
        by_column[5]
    assert list(pickle.loads(pickle.dumps(by_column)))[:4] == ONE_BY_ONE[:4]


def test_by_column_the_verdict_is_that_of_each():
    verdict = Certificates.of(ONE_BY_ONE).converged
    assert verdict.tolist() == [c.converged for c in ONE_BY_ONE] == [True, False, True, False, False]
    assert Certificates.of([]).converged.tolist() == []


def test_a_path_that_missed_its_tolerance_says_so_and_names_the_worst():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 30))
    y = X[:, :5].sum(axis=1) + rng.standard_normal(60)
    with pytest.warns(ConvergenceWarning, match=r"SLOPE did not converge at \d+ of 20 alphas, worst at alpha="):
        path = ss.SLOPE(max_iter=1, tol=1e-12).path(X, y, ss.relative(1, 0.05, 20))
    missed = [not c.converged for c in path.certificates]
    assert sum(missed) == (~path.converged).sum() > 0

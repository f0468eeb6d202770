"""Clusters of SLOPE: the columns that share one absolute coefficient."""

import numpy as np
import pytest

import sparsestats as ss
from sparsestats.datasets import load_penguins
from sparsestats.report.clusters import TIE, cluster_labels


def correlated(n=100, p=40, seed=0):
    """Three factors behind all columns, which come in units of their own."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    y = X[:, :8].sum(1) + rng.normal(size=n)
    return X * np.exp(rng.normal(size=p)) + rng.normal(size=p), y


def distances(c):
    """Relative distances of neighbours among the sizes."""
    sizes = np.sort(np.abs(c[c != 0]))[::-1]
    return (sizes[:-1] - sizes[1:]) / sizes[:-1]


def test_labels_count_from_the_largest_and_zeros_have_none():
    labels = cluster_labels(np.array([[0.5, 0.0, -2.0], [-0.5, 2.0, 1.0]]))
    np.testing.assert_array_equal(labels, [[3, 0, 1], [3, 1, 2]])
    assert cluster_labels(np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("family", "model"),
    [
        ("gaussian", ss.SLOPE(sequence="oscar")),
        ("huber", ss.SLOPE(sequence="oscar", family="huber")),
        ("binomial", ss.SLOPEClassifier(sequence="oscar")),
    ],
)
def test_the_tolerance_lies_in_an_empty_range(family, model):
    # Ties are made in the solver and cost a rounding on the way out; what is no tie is far from one.
    X, y = correlated()
    path = model.path(X, y > 0 if family == "binomial" else y)
    found = np.concatenate([distances(path.to_penalty(row)) for row in path.coefs])
    assert (found < 1e-14).sum() > 100 and (found > 1e-6).sum() > 100
    assert not ((found > 1e-14) & (found < 1e-8)).any() and 1e-14 < TIE < 1e-8


def test_a_copy_in_other_units_and_with_the_other_sign_joins_its_column():
    X, y = correlated(p=10)
    X = np.column_stack([X, 5 - 100 * X[:, 0]])
    model = ss.SLOPE(alpha=0.05).fit(X, y)
    table = model.path(X, y, [0.05]).clusters(0.05)
    row = next(row for row in table.itertuples() if "x0" in row.members)
    assert "x10" in row.members and model.clusters_[0] == model.clusters_[10] == row.cluster
    signs = dict(zip(row.members, row.signs, strict=True))
    assert signs["x0"] == -signs["x10"] == np.sign(model.coef_[0])
    assert row.abs_std == pytest.approx(abs(model.coef_[0]) * X[:, 0].std(), rel=1e-12)


def test_sizes_are_compared_where_the_penalty_sees_them():
    X, y = correlated(p=8)
    factor = np.array([0.0, *np.linspace(0.5, 2, 7)])
    model = ss.SLOPE(alpha=0.3, sequence="oscar", penalty_factor=factor).fit(X, y)
    c = np.abs(factor * X.std(0) * model.coef_)
    assert model.coef_[0] != 0 and model.clusters_[0] == 0  # free: in no cluster
    assert model.clusters_.max() < np.count_nonzero(model.clusters_)  # something did tie
    for k in range(1, model.clusters_.max() + 1):
        assert np.ptp(c[model.clusters_ == k]) < 1e-12 * c.max()
    assert (np.diff([c[model.clusters_ == k].mean() for k in range(1, model.clusters_.max() + 1)]) < 0).all()


def test_the_number_along_the_path_and_both_doors_agree():
    X, y = correlated()
    path = ss.SLOPE(sequence="oscar").path(X, y)
    assert path.n_clusters[0] == 0 and path.n_clusters[20] >= 1
    assert (path.n_clusters <= path.n_nonzero).all() and (path.n_clusters < path.n_nonzero).any()
    alpha = path.alphas[50]
    assert len(path.clusters(alpha)) == path.n_clusters[50]
    assert path.clusters(alpha)["size"].sum() == path.n_nonzero[50]
    fitted = ss.SLOPE(alpha, sequence="oscar").fit(X, y)
    np.testing.assert_array_equal(fitted.clusters_, path.cluster_labels(alpha))
    chosen = ss.SLOPECV(alphas=path.alphas, sequence="oscar", cv=3).fit(X, y)
    np.testing.assert_array_equal(chosen.clusters_, chosen.path_.cluster_labels(chosen.alpha_))
    two = ss.SLOPEClassifier(0.05).fit(X, y > 0)
    assert two.clusters_.shape == two.coef_.shape and two.clusters_.any()


def test_a_penalty_that_ranks_no_columns_has_no_clusters():
    X, y = correlated(p=8)
    path = ss.GroupSLOPE(groups=np.arange(8) // 2).path(X, y)
    with pytest.raises(ValueError, match="ranks none"):
        path.clusters(path.alphas[3])


def test_a_fit_lists_and_prints_its_clusters_and_keeps_them_in_a_file(tmp_path):
    fit = ss.slope("body_mass_g ~ sex + species + bill_length_mm + flipper_length_mm", load_penguins(), alpha=30.0)
    table = fit.clusters()
    # The two levels of sex are mirror images: one size, opposite signs.
    row = next(row for row in table.itertuples() if "sex[male]" in row.members)
    assert set(row.members) >= {"sex[female]", "sex[male]"} and sorted(row.signs)[0] == -1
    np.testing.assert_array_equal(fit.estimator.clusters_, fit.path.cluster_labels(30.0))
    told = f"{len(table)} clusters among {table['size'].sum()} selected columns"
    assert told in fit.summary().to_text()
    fit.save(tmp_path / "fit.json")
    loaded = ss.load(tmp_path / "fit.json")
    np.testing.assert_array_equal(loaded.path.n_clusters, fit.path.n_clusters)
    assert loaded.clusters().equals(table)

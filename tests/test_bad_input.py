"""Bad input in the sklearn door: each gets an error that says what was expected, or a documented answer."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GroupKFold, PredefinedSplit

import sparsestats as ss
from sparsestats.exceptions import SparsestatsWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = X[:, 0] + RNG.normal(size=30)
LABELS = (Y > 0).astype(int)
LOST = [None, None, *np.array(["no", "yes"])[LABELS[2:]]]
FRAME = pd.DataFrame(X, columns=list("abcd"))


def put(value, where=(2, 1), into=X):
    out = np.array(into, dtype=float)
    out[where] = value
    return out


def fit(X=X, y=Y, *args, cls=ss.SLOPE, **params):
    return lambda: cls(**params).fit(X, y, *args)


ERRORS = {
    "NaN in X": (fit(put(np.nan)), "Input X contains NaN"),
    "inf in X": (fit(put(np.inf)), "Input X contains infinity"),
    "NaN in sparse X": (fit(sparse.csr_array(put(np.nan))), "Input X contains NaN"),
    "NaN in y": (fit(y=put(np.nan, 3, Y)), "Input y contains NaN"),
    "inf in y": (fit(y=put(-np.inf, 3, Y)), "Input y contains infinity"),
    "y too large to square": (fit(y=1e160 * Y), r"y reaches .*e\+160, whose square is not finite; rescale it"),
    "y too small to square": (fit(y=1e-160 * Y), r"y varies by .*e-160, whose square is too small for a double"),
    "classes for numbers": (fit(y=np.where(Y > 0, "yes", "no")), "y holds '(yes|no)' where numbers are needed"),
    "None in y": (fit(y=np.where(Y > 2, None, Y)), "y holds None where numbers are needed"),
    "dates for numbers": (fit(y=np.full(30, "2020-01-01", dtype="M8[D]")), "y holds dates or times where numbers are"),
    "X of one dimension": (fit(X[:, 0]), "Expected 2D array, got 1D array"),
    "X of three dimensions": (fit(X[None]), "Found array with dim 3"),
    "text in X": (fit(np.full((30, 4), "high", dtype=object)), "could not convert string to float: 'high'"),
    "complex X": (fit(X + 1j), "Complex data not supported: X holds complex numbers"),
    "complex column of a frame": (fit(FRAME.assign(a=Y + 1j)), "Complex data not supported: X holds complex numbers"),
    "complex y": (fit(y=Y + 1j), "Complex data not supported: y holds complex numbers"),
    "complex classes": (fit(y=LABELS + 1j, cls=ss.SLOPEClassifier), "not supported: y holds complex"),
    "complex weights": (fit(X, Y, np.ones(30) + 1j), "not supported: sample_weight holds complex"),
    "complex offset": (fit(X, Y, None, np.ones(30) * 1j), "not supported: offset holds complex"),
    "complex offset of three classes": (
        fit(X, np.arange(30) % 3, None, np.ones((30, 3)) * 1j, cls=ss.SLOPEClassifier), "not supported: offset holds",
    ),
    "complex weights of PRESTO": (
        fit(X, LABELS, np.ones(30) * 1j, cls=ss.PRESTO), "not supported: sample_weight holds complex",
    ),
    "complex columns of a graph": (fit(X + 1j, None, cls=ss.CoLiDE), "not supported: X holds complex"),
    "complex counts": (fit(y=np.ones((30, 3)) * 1j, cls=ss.PRESTO), "not supported: y holds complex"),
    "complex covariance": (lambda: ss.CoLiDE().fit_covariance(np.eye(3) * (1 + 0j), 30), "not supported: S holds"),
    "complex products": (lambda: ss.SLOPE().fit_gram([[1j]], [1], 1, 9, [0, 0]), "not supported: XtX holds complex"),
    "complex sequence": (fit(sequence=np.ones(4) * 1j), "not supported: sequence holds complex"),
    "complex penalty_factor": (fit(penalty_factor=np.ones(4) * 1j), "not supported: penalty_factor holds complex"),
    "complex alphas": (lambda: ss.SLOPE().path(X, Y, [1j]), "not supported: alphas holds complex"),
    "a column of text": (fit(FRAME.assign(b="x")), "'b' of X holds 'x' where numbers are needed: ss.ModelMatrix"),
    "a column of categories": (fit(FRAME.assign(b=pd.Categorical(["u", "v"] * 15))), "column 'b' of X holds 'u' where"),
    "a column of text in polars": (fit(pl.from_pandas(FRAME.assign(b="x"))), "column 'b' of X holds 'x' where numbers"),
    "a column of dates": (fit(FRAME.assign(b=pd.Timestamp("2020"))), "column 'b' of X holds dates or times where"),
    "a list for one alpha": (lambda: ss.SLOPE().path(X, Y).coef([0.1]), r"alpha must be one number, got \[0.1\]"),
    "an alpha beside the only one": (
        lambda: ss.SLOPE().path(X, Y, [0.5]).coef(0.1), "alpha=0.1 is outside the fitted alpha, 0.5",
    ),
    "text for gamma": (lambda: ss.SLOPE().fit(X, Y).relax(X, Y, gamma="all"), "gamma must be between 0 .* got 'all'"),
    "columns 1 and '1'": (
        fit(FRAME.set_axis([1, "1", "c", "d"], axis=1)), r"columns 1 \(int\) and '1' \(str\) have one name as text",
    ),
    "columns 1 and '1' of PRESTO": (
        fit(FRAME.set_axis([1, "1", "c", "d"], axis=1), LABELS, cls=ss.PRESTO), r"columns 1 \(int\) and '1' \(str\)",
    ),
    "columns 1 and '1' of a graph": (
        fit(FRAME.set_axis([1, "1", "c", "d"], axis=1), None, cls=ss.CoLiDE), r"columns 1 \(int\) and '1' \(str\)",
    ),
    "names of two kinds": (
        fit(FRAME.set_axis(["a", "b", 3, 4], axis=1)), r"must be all text or all not; found 'a' beside 3 \(int\)",
    ),
    "a column twice": (fit(FRAME.set_axis(list("aabc"), axis=1)), "column 'a' stands twice in the data"),
    "names that are numbers in penalty_factor": (
        fit(FRAME.set_axis(range(4), axis=1), penalty_factor={1: 0}), r"a DataFrame whose names are text \(X.columns",
    ),
    "constraints that are no function": (fit(constraints=3), "'constraints' parameter of SLOPE must be a callable"),
    "constraints without a return": (fit(constraints=lambda v: None), r"returned NoneType \(is a return missing\?\)"),
    "a constraint outside a list": (fit(constraints=lambda v: v["beta"] >= 0), "returned Inequality: put it in brack"),
    "a constraint that is not convex": (fit(constraints=lambda v: [v["beta"] ** 2 >= 1]), "constraints must be convex"),
    "y too short": (fit(y=Y[:-1]), r"inconsistent numbers of samples: \[30, 29\]"),
    "two responses": (fit(y=np.c_[Y, Y]), r"y should be a 1d array, got an array of shape \(30, 2\)"),
    "no rows": (fit(X[:0], Y[:0]), r"0 sample\(s\)"),
    "no columns": (fit(X[:, :0]), r"0 feature\(s\)"),
    "one class": (fit(y=np.ones(30), cls=ss.SLOPEClassifier), "y has one class, 1.0; a classifier needs two"),
    "one row of a classifier": (fit(X[:1], LABELS[:1], cls=ss.SLOPEClassifier), "y has one class"),
    "one class left by the weights": (
        fit(X, np.array(["no", "yes"])[LABELS], 1 - LABELS, cls=ss.GroupSLOPEClassifier),
        "rows with sample_weight > 0 have one class, 'no'",
    ),
    "one of three classes without weight": (
        fit(X, np.array(["a", "b", "c"])[np.arange(30) % 3], (np.arange(30) % 3).astype(float), cls=ss.SLOPEClassifier),
        "no row with sample_weight > 0 has class 'a'",
    ),
    "one offset for three classes": (
        fit(X, np.arange(30) % 3, None, np.ones(30), cls=ss.SLOPEClassifier),
        r"offset needs a column for each of the 3 classes, .* shape \(30, 3\); got shape \(30,\)",
    ),
    "numbers for classes": (fit(cls=ss.SLOPEClassifier), "Unknown label type: continuous"),
    "negative alpha": (fit(alpha=-1), r"'alpha' parameter of SLOPE must be a float in the range \[0.0, inf\)"),
    "alpha of the R door": (fit(alpha="cv"), "'alpha' parameter of SLOPE must be .* Got 'cv'"),
    "NaN alpha": (fit(alpha=np.nan), "'alpha' parameter of SLOPE"),
    "no alphas": (lambda: ss.SLOPE().path(X, Y, []), "alphas is empty; give at least one number >= 0"),
    "negative in alphas": (lambda: ss.SLOPE().path(X, Y, [1, -1]), "alphas must be finite numbers >= 0; got -1"),
    "table of alphas": (lambda: ss.SLOPE().path(X, Y, [[1, 2]]), r"alphas must be a list .* got shape \(1, 2\)"),
    "a number of alphas": (lambda: ss.SLOPE().path(X, Y, 50), r"got 50. .* alphas=ss.relative\(1, 0.01, n\)"),
    "text in relative": (lambda: ss.relative(1, "low"), "high >= low > 0; got high=1, low='low'"),
    "a metric for scoring": (
        fit(cls=ss.SLOPECV, cv=3, scoring=mean_squared_error), r"function of \(estimator, X, y\), and mean_squared",
    ),
    "a metric for scoring of PRESTO": (
        fit(y=LABELS, cls=ss.PRESTOCV, cv=3, scoring=lambda y, p: 0.0), r"function of \(estimator, X, y\), and <",
    ),
    "folds of groups without groups": (fit(cls=ss.SLOPECV, cv=GroupKFold(3)), "GroupKFold needs row_groups, one label"),
    "folds of other rows": (
        fit(cls=ss.SLOPECV, cv=PredefinedSplit([0, 1, 2] * 4)), "needs a fold for each of the 30 rows, got 12",
    ),
    "labels of folds for cv": (
        fit(cls=ss.SLOPECV, cv=np.arange(30) % 3), r"not a \(train, test\) pair: .*PredefinedSplit\(labels\)",
    ),
    "text for alphas": (lambda: ss.SLOPE().path(X, Y, "many"), "alphas must be numbers, None or relative"),
    "alphas upside down": (lambda: ss.relative(0.01, 1), "high >= low > 0; got high=0.01, low=1"),
    "alphas of a CV twin": (fit(cls=ss.SLOPECV, alphas=[0.1, np.inf]), "alphas must be finite numbers >= 0"),
    "increasing sequence": (fit(sequence=[1, 2, 3, 4]), r"non-increasing, .* entry 1 \(2\) is larger than entry 0"),
    "negative sequence": (fit(sequence=[1, 0, 0, -1]), "sequence must be >= 0; entry 3 is -1"),
    "short sequence": (fit(sequence=[1, 1]), r"each of the 4 penalised columns, shape \(4,\); got shape \(2,\)"),
    "NaN sequence": (fit(sequence=[np.nan, 1, 1, 1]), "sequence must be finite; entry 0"),
    "misspelt sequence": (fit(sequence="bhh"), '"bh", "gaussian", "oscar", "lasso", or an array .* got \'bhh\''),
    "sequence of groups too long": (
        fit(cls=ss.GroupSLOPE, sequence=[1, 1, 1], groups=[0, 0, 1, 1]),
        r"each of the 2 penalised groups, shape \(2,\); got shape \(3,\)",
    ),
    "text in a pair of q": (fit(cls=ss.SparseGroupSLOPE, q=("a", 0.1)), r"q must be in \(0, 1\), .* got 'a'"),
    "q of 1": (fit(q=1), r"'q' parameter of SLOPE must be a float in the range \(0.0, 1.0\)"),
    "groups too short": (
        fit(cls=ss.GroupSLOPE, groups=[0, 1]), "one label for each of the 4 columns of X; got 2",
    ),
    "groups as lists of positions": (
        fit(cls=ss.GroupSLOPE, groups=[[0, 1], [2, 3]]), "got 2 lists; give each column the label of its list",
    ),
    "groups as a column": (
        fit(cls=ss.GroupSLOPE, groups=np.array([[0], [0], [1], [1]])),
        r"one label for each of the 4 columns of X; got shape \(4, 1\)$",
    ),
    "a Series of groups with other names": (
        fit(FRAME, cls=ss.GroupSLOPE, groups=pd.Series(1, index=list("abcz"))), "groups names 'z', which is not"
    ),
    "a Series that names a column twice": (
        fit(FRAME, penalty_factor=pd.Series(1.0, index=list("aabc"))), "the Series names 'a' twice",
    ),
    "groups as text": (fit(cls=ss.GroupSLOPE, groups="aabb"), "groups must be None, \"auto\", one label a column"),
    "groups that cannot be labels": (fit(cls=ss.GroupSLOPE, groups=[[1], [1], [2], [2]]), "hashable labels"),
    "missing group labels": (
        fit(cls=ss.GroupSLOPE, groups=np.array([1, 1, np.nan, np.nan])),
        "groups must not have missing labels; column 2 has nan",
    ),
    "misspelt column in groups": (
        fit(FRAME, cls=ss.GroupSLOPE, groups={"A": 1}), r"groups names 'A', which is not a column; columns are \['a'",
    ),
    "misspelt column in penalty_factor": (fit(FRAME, penalty_factor={"A": 0}), "penalty_factor names 'A'"),
    "penalty_factor too short": (fit(penalty_factor=[1]), r"each of the 4 columns; got shape \(1,\)"),
    "negative penalty_factor": (fit(penalty_factor=[-1, 1, 1, 1]), "finite and >= 0"),
    "a penalty_factor that is almost 0": (
        fit(penalty_factor=[1e-13, 1, 2, 0]), r"may span at most 1e\+12; got 1e-13 beside 2. 0 leaves a column free",
    ),
    "a penalty_factor that is almost inf": (
        fit(cls=ss.GroupSLOPECV, penalty_factor=[1e300, 1, 1, 0]), r"may span at most 1e\+12; got 1 beside 1e\+300",
    ),
    "text in penalty_factor": (fit(FRAME, penalty_factor={"a": "free"}), "penalty_factor must be numbers"),
    "factors that split a group": (
        fit(cls=ss.GroupSLOPE, groups=[0, 0, 1, 1], standardize="group", penalty_factor=[1, 2, 1, 1]),
        r"one penalty_factor for the penalised columns of a group; group 0 has \[1.0, 2.0\]",
    ),
    "factors that split a group of a numpy label": (
        fit(cls=ss.GroupSLOPE, groups=np.array([1, 1, 2, 2]), standardize="group", penalty_factor=[2, 3, 1, 1]),
        r"columns of a group; group 1 has \[2.0, 3.0\]",
    ),
    "group standardisation without groups": (fit(standardize="group"), 'standardize="group" needs groups'),
    "weights too short": (fit(X, Y, np.ones(3)), r"one value for each of the 30 rows; got shape \(3,\)"),
    "negative weights": (fit(X, Y, put(-2, 5, np.ones(30))), "sample_weight must be >= 0; row 5 has -2"),
    "weights all zero": (fit(X, Y, np.zeros(30)), "sample_weight must not be all zero"),
    "NaN weights": (fit(X, Y, put(np.nan, 4, np.ones(30))), "sample_weight must be finite; row 4 has nan"),
    "text for weights": (fit(X, Y, ["w"] * 30), "sample_weight must be numbers"),
    "offset too short": (fit(X, Y, None, np.ones(3)), r"offset must have one value .* got shape \(3,\)"),
    "inf in offset": (fit(X, Y, None, np.full(30, np.inf)), "offset must be finite; row 0 has inf"),
    "misspelt solver": (fit(solver="fast"), "'solver' parameter of SLOPE must be a str among"),
    "standardize misspelt": (fit(standardize="yes"), "'standardize' parameter of SLOPE"),
    "tol of 0": (fit(tol=0), "'tol' parameter of SLOPE must be a float in the range"),
    "max_iter of 0": (fit(max_iter=0), "'max_iter' parameter of SLOPE must be an int in the range"),
    "more folds than rows": (fit(cls=ss.SLOPECV, cv=40), "40 folds need at least 40 rows, got n_samples=30"),
    "one fold": (fit(cls=ss.SLOPECV, cv=1), "'cv' parameter of SLOPECV"),
    "misspelt scoring": (fit(cls=ss.SLOPECV, scoring="mes"), r"Unknown scoring 'mes' .* \['deviance', 'mae', 'mse'"),
    "misspelt selection": (fit(cls=ss.SLOPECV, selection="max"), "'selection' parameter of SLOPECV"),
    "one row group": (
        lambda: ss.SLOPECV(cv=3).fit(X, Y, row_groups=np.zeros(30)), "3 folds need at least 3 row groups, got 1",
    ),
    "row groups too short": (
        lambda: ss.SLOPECV(cv=3).fit(X, Y, row_groups=np.zeros(3)), "row_groups needs one label for each of the 30",
    ),
    "other columns at predict": (lambda: ss.SLOPE().fit(X, Y).predict(X[:, :2]), "X has 2 features, but SLOPE is"),
    "NaN at predict": (lambda: ss.SLOPE().fit(X, Y).predict(put(np.nan)), "Input X contains NaN"),
    "predict without the offset": (
        lambda: ss.SLOPE().fit(X, Y, offset=Y).predict(X), "fitted with an offset; predict needs offset=",
    ),
    "alpha outside the path": (lambda: ss.SLOPE().path(X, Y, [1, 0.1]).coef(2.0), "alpha"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_raises_a_value_error_that_says_why(case):
    call, text = ERRORS[case]
    with pytest.raises(ValueError, match=text):
        call()


def with_nan(labels):
    """LOST with NaN in the place of None, which numpy would make a text of."""
    return [np.nan if label is None else label for label in labels]


@pytest.mark.parametrize("cls", [ss.SLOPEClassifier, ss.GroupSLOPEClassifierCV, ss.PRESTO, ss.PRESTOCV])
@pytest.mark.parametrize(
    "y",
    [
        LOST,
        with_nan(LOST),
        np.array(LOST, dtype=object),
        pd.Series(LOST, dtype="string"),
        pd.Series(pd.Categorical(LOST)),
        pd.Categorical(LOST, ["yes", "no"], ordered=True),
        pd.Series(pd.Categorical(LOST, ["yes", "no"], ordered=True)),
        pd.Series(pd.to_datetime([None, None, "2020-01-01", *["2020-01-02"] * 27])),
        pl.Series(LOST),
        pl.Series(LOST, dtype=pl.Categorical),
        pl.Series(LOST, dtype=pl.Enum(["yes", "no"])),
    ],
    ids=lambda y: f"{type(y).__module__.partition('.')[0]} {getattr(y, 'dtype', 'list')}",
)
def test_missing_labels_are_counted_whatever_they_are_written_as(cls, y):
    with pytest.raises(ValueError, match="y has missing labels in 2 of 30 rows"):
        cls().fit(X, y)


@pytest.mark.parametrize(
    ("cls", "name", "meant"),
    [
        (ss.SLOPE, "lambda_", "Here it is alpha"),
        (ss.SLOPECV, "alpha", "Here it is alphas"),
        (ss.SLOPE, "cv", "of the CV twin"),
        (ss.SLOPE, "groups", "of GroupSLOPE"),
        (ss.GroupSLOPEClassifier, "weights", r"sample_weight, an argument of fit\(\)"),
        (ss.GroupSLOPE, "sequense", "Did you mean sequence"),
        (ss.CoLiDE, "whitelist", "Here it is required"),
        (ss.CoLiDE, "groups", "There are alpha, constraints"),
        (ss.PRESTO, "xyz", "There are alpha, categories"),
    ],
)
def test_a_parameter_that_does_not_exist_is_answered_with_ours(cls, name, meant):
    with pytest.raises(TypeError, match=f"{cls.__name__}.* unexpected keyword argument '{name}'.*{meant}"):
        cls(**{name: 1})


@pytest.mark.parametrize("name", ["bounds", "lower_limits", "positive"])
def test_bounds_are_answered_with_constraints_that_hold(name):
    low, high = -0.1, 0.2
    for cls, y in ((ss.SLOPE, Y), (ss.PRESTO, LABELS), (ss.CoLiDE, None)):
        with pytest.raises(TypeError, match="Here it is constraints=") as refused:
            cls(**{name: (low, high)})
        told = str(refused.value).split("constraints=")[1].rstrip(".").replace("'from', 'to'", "'a', 'b'")
        constraints = eval(told, {"low": low, "high": high})
        model = cls(alpha=0.01, constraints=constraints).fit(FRAME, y)
        found = model.adjacency_[0, 1] if cls is ss.CoLiDE else model.coef_
        assert np.min(found) >= low - 1e-7 and np.max(found) <= high + 1e-7


def test_misspelt_arguments_of_fit_are_named():
    with pytest.raises(TypeError, match="unexpected keyword argument 'weights'"):
        ss.SLOPE().fit(X, Y, weights=np.ones(30))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("glmnet", r"here it is ss.slope\(formula, data, sequence=\"lasso\"\)"),
        ("grpreg", r"here it is ss.gslope\(.*standardize=\"group\""),
        ("polr", "here it is ss.presto"),
        ("SLOPECv", "did you mean 'SLOPECV'"),
        ("xyz", "'xyz'$"),
    ],
)
def test_names_of_elsewhere_lead_to_ours(name, hint):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'.*{hint}" if hint[-1] != "$" else hint):
        getattr(ss, name)


def test_predict_before_fit_is_named():
    from sklearn.exceptions import NotFittedError

    for cls in (ss.SLOPE, ss.SLOPEClassifier, ss.GroupSLOPECV):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            cls().predict(X)


def test_a_variable_that_a_program_lacks_is_answered_with_those_it_has():
    with pytest.raises(KeyError, match="there is no variable 'e'; there are beta, intercept and the terms a, b, c, d"):
        ss.SLOPE(constraints=lambda v: [v["e"] >= 0]).fit(FRAME, Y)


def test_a_column_named_as_a_word_of_the_program_is_no_variable():
    frame = FRAME.set_axis(["beta", "intercept", "c", "coef"], axis=1)
    for name, what in (("beta", "all coefficients"), ("intercept", "the intercept")):
        with pytest.raises(KeyError, match=f"'{name}' names a column and {what}; give the column another name"):
            ss.SLOPE(constraints=lambda v, name=name: [v[name] >= 0]).fit(frame, Y)
        with pytest.raises(KeyError, match=f"'{name}' names a column and {what}; give the column another name"):
            ss.slope("y ~ .", frame.assign(y=Y), alpha=0.1, constraints=lambda v, name=name: [v[name] >= 0])
    with pytest.raises(KeyError, match="'coef' names a column and all coefficients"):
        ss.PRESTO(constraints=lambda v: [v["coef"] >= 0]).fit(frame, LABELS)
    assert ss.SLOPE(alpha=0.01, constraints=lambda v: [v["c"] >= 0.2]).fit(frame, Y).coef_[2] >= 0.2 - 1e-7


# ---- documented answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ss.SLOPE, ss.GroupSLOPE, ss.SLOPECV, ss.GroupSLOPECV])
@pytest.mark.parametrize("value", [0.0, 3.3, 1e9 + 0.1, -1e-300])
def test_a_constant_response_gives_the_null_model_and_certificate_0(cls, value):
    model = cls().fit(X, np.full(30, value))
    assert not model.coef_.any() and model.intercept_ == pytest.approx(value, rel=1e-15)
    assert model.certificate_.value == 0 and model.certificate_.converged and model.alpha_max_ == 0


def test_penalty_factors_may_span_what_the_message_says():
    model = ss.SLOPE(0.1, penalty_factor=[1e-6, 1e6, 1, 0]).fit(X, Y)
    assert model.certificate_.converged and model.coef_[1] == 0 and model.coef_[0] * model.coef_[3] != 0


def test_one_row_is_the_null_model():
    model = ss.SLOPE().fit(X[:1], Y[:1])
    assert not model.coef_.any() and model.intercept_ == pytest.approx(Y[0])
    one = ss.SLOPE().fit(X, Y, np.eye(30)[7])  # one row with a weight
    assert not one.coef_.any() and one.intercept_ == pytest.approx(Y[7])


def test_one_column_is_soft_thresholding():
    z = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    model = ss.SLOPE(alpha=0.1, sequence=[1.0]).fit(X[:, :1], Y)
    expected = (z @ Y / 30 - 0.1) / X[:, 0].std()
    assert model.coef_[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("standardize", [True, False, "group"])
def test_columns_that_do_not_vary_have_coefficient_0(standardize):
    Z = X.copy()
    Z[:, 1], Z[:, 2] = 0.0, 1e6
    model = ss.GroupSLOPE(alpha=0.01, groups=[0, 0, 1, 2], standardize=standardize).fit(Z, Y)
    assert model.coef_[1] == model.coef_[2] == 0 and model.coef_[0] != 0 and model.coef_[3] != 0
    none = ss.GroupSLOPE(groups=[0, 0, 1, 2], standardize=standardize).fit(np.ones((30, 4)), Y)
    assert not none.coef_.any() and none.alpha_max_ == 0 and none.certificate_.converged


@pytest.mark.parametrize(("standardize", "factor", "kept"), [(True, 1, False), (False, 1, True), (True, 0, True)])
def test_without_an_intercept_a_constant_column_has_a_coefficient_unless_it_is_scaled(standardize, factor, kept):
    model = ss.SLOPE(0.01, fit_intercept=False, penalty_factor=[1, 1, factor, 1], standardize=standardize)
    assert (model.fit(put(1.0, (slice(None), 2)), Y + 3).coef_[2] != 0) == kept


def test_one_group_and_unsorted_alphas_are_answered():
    assert ss.GroupSLOPE(groups=["only"] * 4).fit(X, Y).coef_.all()
    np.testing.assert_array_equal(ss.SLOPE().path(X, Y, [0.1, 0.5, 0.1]).alphas, [0.5, 0.1])


def test_a_series_with_names_goes_to_the_columns_of_these_names():
    groups, factor = pd.Series([7, 7, 8, 9], index=list("dcba")), pd.Series([0.0, 2, 3, 4], index=list("dcba"))
    by_place = ss.GroupSLOPE(groups=[9, 8, 7, 7], penalty_factor=[4, 3, 2, 0]).fit(X, Y)
    np.testing.assert_array_equal(
        ss.GroupSLOPE(groups=groups, penalty_factor=factor).fit(FRAME, Y).coef_, by_place.coef_
    )
    data = FRAME.assign(y=Y)
    fit = ss.slope("y ~ a + b + c + d", data, alpha=0.1, penalty_factor=factor)
    np.testing.assert_array_equal(fit.template.penalty_factor, [4, 3, 2, 0])
    model = ss.PRESTOCV(ss.relative(1, 0.1, 3), cv=3, penalty_factor=factor).fit(FRAME, LABELS)
    np.testing.assert_array_equal(
        model.coef_, ss.PRESTOCV(ss.relative(1, 0.1, 3), cv=3, penalty_factor=[4, 3, 2, 0]).fit(X, LABELS).coef_
    )


@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e100, 1e200])
def test_columns_of_any_scale_give_one_model(scale):
    base = ss.SLOPE().fit(X, Y)
    np.testing.assert_allclose(ss.SLOPE().fit(X * scale, Y).coef_ * scale, base.coef_, atol=1e-8)
    mixed = np.array([scale, 1.0, 1 / scale, 1.0])
    np.testing.assert_allclose(ss.SLOPE().fit(X * mixed, Y).coef_ * mixed, base.coef_, atol=1e-8)


def test_an_underdetermined_fit_without_penalty_is_finite_and_certified():
    model = ss.SLOPE(alpha=0).fit(X[:3], Y[:3])
    np.testing.assert_allclose(model.predict(X[:3]), Y[:3], atol=1e-8)
    assert model.certificate_.converged


def test_classes_that_separate_without_penalty_end_finite():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ss.SLOPEClassifier(alpha=0).fit(X, X[:, 0] > 0)
    assert np.isfinite(model.coef_).all() and model.score(X, X[:, 0] > 0) == 1


# ---- anything at all --------------------------------------------------------------------------------------


@st.composite
def hostile(draw):
    """A design, a response, parameters: in part wild."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.sampled_from([0, 1, 2, 3, 8, 20])), draw(st.sampled_from([0, 1, 2, 5, 12]))
    Z = rng.normal(size=(n, p)) * 10.0 ** draw(st.sampled_from([-300, -160, -20, 0, 0, 0, 20, 150, 300]))
    Z = Z + draw(st.sampled_from([0, 0, 0, 1e3, 1e8]))
    for oddity in draw(st.lists(st.sampled_from(["nan", "inf", "constant", "copy", "zero", "huge"]), max_size=2)):
        if n and p:
            j = int(rng.integers(p))
            if oddity == "nan":
                Z[rng.integers(n), j] = np.nan
            elif oddity == "inf":
                Z[rng.integers(n), j] = -np.inf
            else:
                Z[:, j] = {"constant": 7.5, "copy": Z[:, 0], "zero": 0.0, "huge": 1e280 / (1 + abs(Z[:, j]))}[oddity]
    how = draw(st.sampled_from(["C", "F", "single", "csc", "csr", "read-only", "strided", "frame"]))
    if how == "strided":
        wide = np.zeros((2 * n, 2 * p))
        wide[::2, ::2] = Z
        design = wide[::2, ::2]
    else:
        with np.errstate(over="ignore"):
            design = {
                "C": np.ascontiguousarray, "F": np.asfortranarray, "single": lambda a: a.astype(np.float32),
                "csc": sparse.csc_array, "csr": sparse.csr_matrix, "read-only": np.array,
                "frame": lambda a: pd.DataFrame(a, columns=[f"x{j}" for j in range(a.shape[1])]),
            }[how](Z)  # fmt: skip
    if how == "read-only":
        design.flags.writeable = False
    cls = draw(st.sampled_from([ss.SLOPE, ss.GroupSLOPE, ss.SLOPEClassifier, ss.GroupSLOPEClassifier]))
    binary = cls in (ss.SLOPEClassifier, ss.GroupSLOPEClassifier)
    length = n + draw(st.sampled_from([0] * 8 + [1]))
    if binary:
        y = rng.integers(0, 2, length) * draw(st.sampled_from([1, 1, 1, 0]))
    else:
        y = rng.normal(size=length) * 10.0 ** draw(st.sampled_from([-200, -30, 0, 0, 30, 140, 200]))
        y = y * draw(st.sampled_from([1, 1, 1, 0])) + draw(st.sampled_from([0, 0, 1e10]))
    params = {
        "alpha": draw(st.sampled_from([None, None, 0, 1e-12, 0.01, 1.0, 1e30])),
        "standardize": draw(st.sampled_from([True, True, False])),
        "fit_intercept": draw(st.sampled_from([True, True, False])),
    }
    if cls in (ss.GroupSLOPE, ss.GroupSLOPEClassifier) and draw(st.booleans()):
        params["groups"] = list("aabbcdeffggg")[:p]
        params["standardize"] = draw(st.sampled_from([True, False, "group"]))
    if draw(st.sampled_from([True, False, False])):
        params["penalty_factor"] = rng.integers(0, 2, p) if params["standardize"] != "group" else np.ones(p)
    weight = rng.integers(0, 3, n) * 10.0 ** draw(st.sampled_from([-200, 0, 100])) if draw(st.booleans()) else None
    offset = rng.normal(size=n) * 10.0 ** draw(st.sampled_from([0, 0, 3, 200])) if draw(st.booleans()) else None
    return cls, params, design, y, weight, offset


def is_refused_or_certified(case):
    """A ValueError with words in it, or a finite model with a finite certificate; nothing else."""
    cls, params, design, y, weight, offset = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SparsestatsWarning)  # not converged, or separated
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", module="numpy", category=RuntimeWarning)  # sklearn's sum for finiteness
        try:
            model = cls(**params).fit(design, y, weight, offset)
        except ValueError as refusal:
            assert len(str(refusal)) > 15
            return
    certificate = model.certificate_
    assert np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()
    assert np.isfinite(certificate.objective) and certificate.value >= 0
    # a gap without a bound is allowed to say so, and only so
    assert np.isfinite(certificate.value) or not certificate.converged
    assert certificate.kind in ("gap", "newton")
    assert model.n_features_in_ == design.shape[1]


@given(hostile())
@settings(max_examples=30, deadline=None)
def test_any_input_is_refused_with_words_or_fitted_with_a_certificate(case):
    is_refused_or_certified(case)


@pytest.mark.slow
@given(hostile())
@settings(max_examples=500, deadline=None)
def test_much_more_input_is_refused_with_words_or_fitted_with_a_certificate(case):
    is_refused_or_certified(case)

"""Which terms a right side stands for, and what update makes of two formulas."""

import numpy as np
import pandas as pd
import pytest

from sparsestats.exceptions import FormulaError
from sparsestats.formula import design, update_formula
from sparsestats.formula.grammar import parse, show


def names_of(formula, data):
    return [term.name for term in design(formula, data).terms]


@pytest.mark.parametrize(
    ("right", "terms"),
    [
        ("x + age", ["x", "age"]),
        ("x*age", ["x", "age", "x:age"]),
        ("x:age + x", ["x", "x:age"]),
        ("(x + age + g)**2", ["x", "age", "g", "x:age", "x:g", "age:g"]),
        ("(x + age + g)**3 - x:age:g", ["x", "age", "g", "x:age", "x:g", "age:g"]),
        ("x*age*g - x:age:g", ["x", "age", "g", "x:age", "x:g", "age:g"]),
        ("x + age - x", ["age"]),
        ("x + age - (x + age) + g", ["g"]),
        ("x + x + age:x + x:age", ["x", "age:x"]),
        ("x:x", ["x"]),
        ("log(age) + log( age )", ["log(age)"]),
        ("x:(age + g)", ["x:age", "x:g"]),
        ("x + `my col`", ["x", "my col"]),
        ("cols('^(x|age)$')", ["x", "age"]),
        ("as.factor(dose) + factor(g)", ["as.factor(dose)", "factor(g)"]),
        ("1", []),
    ],
)
def test_terms_follow_r(right, terms, data):
    assert names_of(f"y ~ {right}", data) == terms


@pytest.mark.parametrize(
    ("right", "intercept"),
    [("x", True), ("x + 1", True), ("x - 1", False), ("0 + x", False), ("x + 0", False), ("-1 + x", False)]
    + [("0 + x + 1", True), ("(x + 0)", False), ("x - 0", True), ("1", True), ("0", False), (". - 1", False)],
)
def test_intercept_belongs_to_the_solver(right, intercept, data):
    built = design(f"y ~ {right}", data)
    assert built.fit_intercept is intercept
    assert not (built.X == 1).all(axis=0).any()


def test_dot_leaves_out_every_variable_used_elsewhere(data):
    data = data.assign(w=1.0, site="s", exposure=1.0)
    built = design("log(age) ~ . + offset(log(exposure))", data, sample_weight="w", row_groups="site", offset="no")
    assert [t.name for t in built.terms] == ["y", "x", "dose", "g", "stage", "smoker", "my col", "yes"]
    assert [t.name for t in design("cbind(yes, no) ~ . - g", data).terms] == [
        *("y", "x", "age", "dose", "stage", "smoker", "my col", "w", "site", "exposure")
    ]


def test_dot_expands_factors_fully_and_a_bool_to_one_column(data):
    built = design("y ~ .", data)
    assert built.names == [
        *("x", "age", "dose", "g[a]", "g[b]", "g[c]", "stage[low]", "stage[mid]", "stage[high]"),
        *("smoker", "my col", "yes", "no"),
    ]
    np.testing.assert_array_equal(built.X[:, built.names.index("smoker")], data.smoker.astype(float))


def test_dot_in_a_product_and_in_keep(data):
    data = data[["y", "x", "age", "g"]]
    assert names_of("y ~ x:.", data) == ["x", "x:age", "x:g"]
    assert design("y ~ keep(.)", data).penalty_factor.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("right", [". - x7 - x9", ". - 1", ". + x3:x4 + ns(x5, df=3) - x1", ". + offset(x2)"])
def test_wide_numeric_frames_take_a_short_way_to_the_same_design(right):
    rng = np.random.default_rng(5)
    wide = pd.DataFrame(rng.normal(size=(30, 60)), columns=[f"x{i}" for i in range(60)])
    short = design(f"x0 ~ {right}", wide)
    # A column of text, taken away again, sends the same formula the long way.
    long = design(f"x0 ~ {right} - text", wide.assign(text="t"))
    assert short.names == long.names and short.terms == long.terms
    np.testing.assert_array_equal(short.X, long.X)
    assert short.fit_intercept == long.fit_intercept


@pytest.mark.parametrize("formula", ["y ~ .", "y ~ .**2", "y ~ keep(.)"])
def test_dot_refuses_a_factor_that_only_tells_rows_apart(formula):
    rows = pd.DataFrame({"y": np.arange(6.0), "x": [1.0, 0, np.nan, 2, 1, 5], "patient no": list("abacde")})
    with pytest.raises(FormulaError, match=r"'patient no', a factor of 5 levels in 5 rows.*Write '\. - `patient no`'"):
        design(formula, rows)
    assert design("y ~ . - `patient no`", rows).names == ["x"]
    assert len(design("y ~ . + `patient no`", rows).names) == 6  # asked for, as for outliers


@pytest.mark.parametrize(("twice", "refused"), [(0, True), (20, True), (29, True), (30, False), (60, False)])
def test_dot_refuses_a_factor_by_which_most_new_rows_would_be_unseen(twice, refused):
    """120 visits, some patients with two: those with one are the share of new visits whose patient is new."""
    who = np.concatenate([np.repeat(np.arange(twice), 2), np.arange(twice, 120 - twice)])
    visits = pd.DataFrame({"y": np.arange(120.0), "patient": [f"p{i}" for i in who]})
    if not refused:
        assert len(design("y ~ .", visits).names) == 120 - twice
        return
    told = "each" if twice == 0 else f"{120 - 2 * twice} rows each"
    with pytest.raises(
        FormulaError, match=f"a factor of {120 - twice} levels in 120 rows, {told} with a level of its own"
    ):
        design("y ~ .", visits)


def test_dot_on_a_float_frame_reads_the_data_in_place():
    wide = pd.DataFrame(np.random.default_rng(5).normal(size=(200, 300))).rename(columns=lambda i: f"x{i}")
    built = design("x0 ~ .", wide)
    assert built.X.flags.f_contiguous and np.shares_memory(built.X, wide.to_numpy())


def test_keep_frees_terms_and_unpenalized_says_the_same(data):
    inside = design("y ~ keep(age + C(g)) + x", data)
    outside = design("y ~ age + C(g) + x", data, unpenalized=["age", "C( g )"])
    assert inside.penalty_factor.tolist() == [0, 0, 0, 1] == outside.penalty_factor.tolist()
    assert [term.penalized for term in inside.terms] == [False, False, True]
    np.testing.assert_array_equal(inside.X, outside.X)
    with pytest.raises(FormulaError, match="no term 'agee' to leave unpenalised; did you mean 'age'"):
        design("y ~ age", data, unpenalized="agee")


def test_keep_wins_over_a_penalised_mention(data):
    assert design("y ~ x + keep(x)", data).penalty_factor.tolist() == [0]
    assert design("y ~ keep(x) + x", data).penalty_factor.tolist() == [0]


def test_grp_makes_one_term_of_many(data):
    built = design("y ~ x + grp(age + C(g), 'who') + smoker", data)
    who = built.terms[1]
    assert (who.name, who.kind, who.columns, who.variables) == ("who", "group", (1, 2, 3, 4), ("age", "g"))
    assert built.groups.tolist() == [0, 1, 1, 1, 1, 2]
    assert built.names[1:3] == ["who[age]", "who[C(g)[a]]"]
    assert design("y ~ keep(grp(age + x, 'who'))", data).penalty_factor.tolist() == [0, 0]
    assert design("y ~ age + x", data, unpenalized="age").penalty_factor.tolist() == [0, 1]
    with pytest.raises(FormulaError, match="'x' is already the name of a term"):
        design("y ~ x + grp(age + smoker, 'x')", data)


def test_groups_come_back_from_the_names_alone(data):
    from sparsestats.names import groups_from_names

    built = design("y ~ x*g + bs(age, df=4) + grp(yes + C(dose), 'n') + C(stage, contr.poly)", data)
    np.testing.assert_array_equal(groups_from_names(built.names), built.groups)


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("y ~ age + ldl", ". ~ . - ldl + C(site)", "y ~ age + C(site)"),
        ("y ~ age + ldl", "log(.) ~ .", "log(y) ~ age + ldl"),
        ("y ~ age + ldl", "z ~ .", "z ~ age + ldl"),
        ("y ~ age + ldl", "~ . - age", "y ~ ldl"),
        ("y ~ age", ". ~ . + age", "y ~ age"),
        ("y ~ a * b", ". ~ . - a:b", "y ~ a + b"),
        ("y ~ a + b", ". ~ .**2", "y ~ a + b + a:b"),
        ("y ~ a", ". ~ . - 1", "y ~ a + 0"),
        ("y ~ 0 + a", ". ~ . + 1", "y ~ a"),
        ("y ~ a", ". ~ . - a", "y ~ 1"),
        ("y ~ .", ". ~ . - age", "y ~ . - age"),
        ("y ~ . - age", ". ~ . + age", "y ~ . - age + age"),
        ("y ~ keep(age) + grp(a + b, 'n')", ". ~ . - b", "y ~ keep(age) + grp(a, 'n')"),
        ("y ~ keep(age + x)", ". ~ . - age", "y ~ keep(x)"),
        ("y ~ a + offset(w)", ". ~ . - a + z", "y ~ z + offset(w)"),
        ("y ~ a + offset(w)", ". ~ . - offset(w)", "y ~ a"),
        ("y ~ `my col` + a", ". ~ . - a", "y ~ `my col`"),
        ("~ a", "~ . + b", "~ a + b"),
    ],
)
def test_update_follows_r(old, new, result):
    assert update_formula(old, new) == result


def test_update_takes_away_only_what_is_there():
    with pytest.raises(FormulaError, match=r"at 'specie': there is no such term to take away; did you mean 'species'"):
        update_formula("y ~ species + sex", ". ~ . - specie")
    with pytest.raises(FormulaError, match="the terms are a, b"):
        update_formula("y ~ a + b", ". ~ . + zzz - a:b - zzz:b")
    # Of several terms one is enough, as in R: whoever removes a crossing means whatever there is of it.
    assert update_formula("y ~ a + c", ". ~ . - a*b") == "y ~ c"


def test_update_without_a_left_side_to_mean_is_refused():
    with pytest.raises(FormulaError, match="the old formula has none"):
        update_formula("~ a", ". ~ . + b")


@pytest.mark.parametrize(
    "text",
    [
        "y ~ x",
        "y ~ (a + b)**2 - a:b",
        "I(y > 3) ~ I(-x**2) + I((-x)**2)",
        "y ~ a*(b + c):d",
        "y ~ I(a - (b - c))",
    ]
    + [
        "y ~ I(a / (b * c)) + I((a**2)**2) + I(2**-1 * a)",
        "y ~ cols('^\"x\\d') + grp(a, \"it's\")",
        "y ~ `a b`:`log`",
    ]
    + ["y ~ I(a == 'u') + bs(x, df=4, include_intercept=True)", "y ~ I(a*(b*c)) + I(a - -b)", "y ~ -1 + x"],
)
def test_canonical_text_parses_to_the_same_tree(text):
    tree = parse(text)
    again = parse(str(tree))
    assert show(again.right) == show(tree.right) and show(again.left) == show(tree.left)
    assert again.right == tree.right or again == tree

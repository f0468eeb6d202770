"""Nothing outside the vocabulary is ever evaluated."""

import builtins
import sys
import time
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsestats.exceptions import FormulaError
from sparsestats.formula import design

# What the interpreter itself reports when code is made or run, files are opened or processes started. An
# audit hook cannot be removed, so the first test that watches sets it, and it listens only while one does.
WATCHED = {
    "compile",
    "exec",
    "open",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
}
_watch = {"on": False, "seen": []}


def _hook(event, arguments):
    if _watch["on"] and event in WATCHED:
        _watch["seen"].append((event, str(arguments)[:80]))


@cache
def listen():
    sys.addaudithook(_hook)


@pytest.fixture
def canary(monkeypatch):
    """A builtin that must never be called, and the interpreter's own report that no code was made."""
    calls = []
    monkeypatch.setattr(builtins, "canary", lambda *a, **k: calls.append(a) or 1.0, raising=False)
    listen()
    _watch["seen"].clear()
    _watch["on"] = True
    yield calls
    _watch["on"] = False


FRAME = pd.DataFrame(
    {
        "y": np.linspace(0, 1, 20),
        "x": np.linspace(1, 2, 20),
        "z": np.sin(np.arange(20.0)),
        "g": list("ab") * 10,
        "my col": np.arange(20.0),
    }
)

HOSTILE = [
    # walks through attributes and dunders
    "y ~ x.__class__",
    "y ~ x.__class__.__bases__[0].__subclasses__()",
    "y ~ ().__class__",
    "y ~ (x).__class__",
    "y ~ `x`.__class__",
    "y ~ __import__('os').system('canary')",
    "y ~ __builtins__",
    "y ~ I(__import__('os'))",
    "y ~ x.values",
    "y ~ x.to_csv('out.csv')",
    "y ~ x.apply(canary)",
    "y ~ np.random.normal(x)",
    "y ~ np.load(x)",
    "y ~ np.linalg.inv(x)",
    "y ~ np.__loader__.load_module(x)",
    "y ~ np.log.__self__",
    "y ~ np",
    "y ~ contr.treatment",
    "y ~ C(g, contr.__class__)",
    "y ~ C(g, contr.sum.__class__)",
    "y ~ I(x).real",
    "y ~ 1.0.__class__",
    "y ~ 'a'.join(x)",
    "y ~ os.system('canary')",
    # builtins and unknown calls, also through formulaic's braces
    "y ~ canary(x)",
    "y ~ I(canary(x))",
    "y ~ log(canary(x))",
    "canary(y) ~ x",
    "y ~ {canary(x)}",
    '{__import__("builtins").canary()} ~ x',
    "y ~ {x + {z}}",
    "y ~ eval('canary()')",
    "y ~ exec('canary()')",
    "y ~ open('/etc/passwd')",
    "y ~ print(x)",
    "y ~ getattr(x, 'values')",
    "y ~ globals()",
    "y ~ type(x)",
    "y ~ (canary)(x)",
    "y ~ log(x)(z)",
    "y ~ offset(canary(x))",
    "y ~ keep(canary(x))",
    "y ~ grp(canary(x), 'n')",
    "y ~ bs(canary(x), df=4)",
    "y ~ bs(x, df=canary(4))",
    "y ~ bs(x, knots=canary)",
    "y ~ C(g, canary)",
    "y ~ C(g, levels=canary())",
    "cbind(canary(x), z) ~ x",
    "y ~ x + Q('x')",
    "y ~ hashed(g, hash_func=canary)",
    "y ~ lag(x, 10000000)",
    # syntax of Python that has no place here
    "y ~ lambda: canary()",
    "y ~ I((lambda: x)())",
    "y ~ [canary(v) for v in x]",
    "y ~ I([v for v in x])",
    "y ~ (v for v in x)",
    "y ~ {v: 1 for v in x}",
    "y ~ I(x := 3)",
    "y ~ (x := canary())",
    "y ~ f'{canary()}'",
    "y ~ cols(f'{canary()}')",
    "y ~ cols(r'^x')",
    "y ~ b'x'",
    "y ~ x[0]",
    "y ~ I(x[::-1])",
    "y ~ log(*x)",
    "y ~ log(**x)",
    "y ~ bs(x, **{'df': 4})",
    "y ~ x if x else z",
    "y ~ x and canary()",
    "y ~ not x",
    "y ~ await x",
    "y ~ (yield x)",
    "y ~ x; canary()",
    "y ~ x\ncanary()",
    "y ~ x # canary",
    "y ~ x @ z",
    "y ~ ...",
    "y ~ None",
    "y ~ True",
    "y ~ x | g",
    "y ~ (1 | g)",
    "y ~ x %in% g",
    "y ~ x // 2",
    "y ~ I(x & z)",
    "y ~ I(~x)",
    "y ~ I(x << 3)",
    "y ~ 1j",
    "y ~ 0x10",
    "y ~ I(x + 1_000)",
    "y ~ x$z",
    "y ~ x !",
    "y ~ \\x",
    "y ~ x \x00",
    "y ~ x\u202e",
    # arithmetic on strings and lists
    "y ~ I('a' * 1000000000)",
    "y ~ I('a' + 'b')",
    "y ~ I([0] * 1000000000)",
    "y ~ I([1] + [2])",
    "y ~ cols('a' * 100)",
    "y ~ log('a')",
    "y ~ log([1, 2])",
    "y ~ I(g == 'a' + 'b')",
    "y ~ I('a' < 'b')",
    "y ~ I(x == [1])",
    "y ~ cuts(x, [1] * 1000000)",
    # memory bombs
    "y ~ I(x ** 11)",
    "y ~ I(x ** 1e9)",
    "y ~ I(9 ** 9 ** 9)",
    "y ~ I(x ** x)",
    "y ~ I(x ** -99)",
    "y ~ I(x ** (9 * 9))",
    "y ~ (x + z) ** 99",
    "y ~ (x + z) ** 1e400",
    "y ~ (x + z) ** -1",
    "y ~ (x + z) ** z",
    "y ~ (x + z) ** 2.5",
    "y ~ bs(x, df=21)",
    "y ~ bs(x, df=1000000000)",
    "y ~ bs(x, df=1e400)",
    "y ~ bs(x, degree=1000000)",
    "y ~ bs(x, df=-4)",
    "y ~ bs(x, df=4.5)",
    "y ~ ns(x, df=99999)",
    "y ~ cr(x, df=99999)",
    "y ~ cc(x, df=99999)",
    "y ~ poly(x, 99999999)",
    "y ~ poly(x, degree=99999999)",
    "y ~ quantile_cuts(x, 100000000)",
    "y ~ bs(x, df=4 * 4)",
    "y ~ cuts(x, [" + "1, " * 500 + "1])",
    "y ~ " + " * ".join(f"I(x + {i})" for i in range(30)),
    "y ~ (" + " + ".join(f"I(x + {i})" for i in range(40)) + ") ** 10",
    "y ~ ((x + z + g) ** 10 * (x + z) ** 10) ** 99",
    "y ~ " + ":".join(["x"] * 500),
    "y ~ " + "(" * 5000 + "x" + ")" * 5000,
    "y ~ " + "I(" * 5000 + "x" + ")" * 5000,
    "y ~ I(" + "-" * 5000 + "x)",
    "y ~ I(" + "x * " * 5000 + "x)",
    "y ~ I(" + "[" * 5000 + "]" * 5000 + ")",
    "y ~ " + "x + " * 600_000 + "x",
    # regular expressions that would run for ever
    "y ~ cols('(x+)+$')",
    "y ~ cols('(a|a)*b')",
    "y ~ cols('(?=x)')",
    "y ~ cols('a*a*a*a*a*b')",
    "y ~ cols('(x)\\1')",
    "y ~ cols('(')",
    "y ~ cols('x{99999999999}')",
    "y ~ cols('" + "x" * 300 + "')",
    "y ~ cols(x)",
    # quotes, backticks, look-alikes
    "y ~ 'x",
    'y ~ "x',
    "y ~ `x",
    "y ~ `x` `z`",
    "y ~ `canary()`",
    "y ~ `__import__('os')`",
    "y ~ `x`(z)",
    "y ~ `log`(x)",
    "y ~ `x`.values",
    "y ~ ``",
    "y ~ '''x'''",
    "y ~ I('x' 'y')",
    "y ~ ｌｏｇ(x)",
    "y ~ lоg(x)",  # the o is Cyrillic
    "y ~ ｘ",
    "y ~ x ｡ z",
    "y ~ ＿＿import＿＿('os')",
    "y ~ x² ",
    # broken formulas
    "",
    "   ",
    "~",
    "y ~",
    "y ~ x ~ z",
    "y ~ x +",
    "y ~ + ",
    "y ~ x z",
    "y ~ (x",
    "y ~ x)",
    "y ~ [x]",
    "y ~ 'x'",
    "y ~ 3",
    "y ~ 2 * x",
    "y ~ x + 5",
    "y ~ log()",
    "y ~ log(x, z)",
    "y ~ I()",
    "y ~ I(3)",
    "y ~ C()",
    "y ~ bs()",
    "y ~ bs(3, df=4)",
    "y ~ bs(x, df=4, df=5)",
    "y ~ bs(x, 4, df=5)",
    "y ~ bs(df=4, x)",
    "y ~ offset()",
    "y ~ log(.)",
    "y ~ cbind(x, z)",
    "y ~ keep(x):z",
    "y ~ offset(x):z",
    "y ~ grp(x, z)",
    "y ~ grp(x, '')",
    "y ~ keep(1)",
    "y ~ I(log)",
    "y ~ log",
]


@pytest.mark.parametrize("formula", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_formula_is_refused_and_nothing_runs(formula, canary):
    start = time.perf_counter()
    with pytest.raises(FormulaError) as error:
        design(formula, FRAME)
    assert canary == [] and _watch["seen"] == []
    assert len(str(error.value)) < 700, "an error must stay readable"
    # Not a benchmark: a bomb that goes off takes minutes or all memory, a refusal milliseconds.
    assert time.perf_counter() - start < 5


FRAGMENTS = st.sampled_from(
    [
        *(f.split("~")[-1] for f in HOSTILE if len(f) < 60),
        "x",
        "z",
        "g",
        "`my col`",
        "C(g)",
        "bs(x, df=4)",
        "I(x**2)",
    ]
    + [
        "+",
        "-",
        "*",
        ":",
        "**",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "~",
        ".",
        "`",
        "'",
        '"',
        "{",
        "}",
        "0",
        "1",
        "2",
        "e9",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, min_size=1, max_size=6), st.sampled_from(["", " ", "+", ":"]))
def test_random_splices_are_refused_or_give_numbers(fragments, glue):
    calls = []
    builtins.canary = lambda *a, **k: calls.append(a)
    formula = "y ~ " + glue.join(fragments)
    _watch["seen"].clear()
    try:
        _watch["on"] = True
        try:
            built = design(formula, FRAME)
        except ValueError:
            built = None
        except TypeError as error:  # strata() and Surv() in a family without them
            assert "family" in str(error)
            built = None
        finally:
            _watch["on"] = False
        assert calls == []
        # formulaic is imported when the first spline is built, which compiles nothing of the formula.
        assert not [seen for seen in _watch["seen"] if "canary" in seen[1] or seen[0].startswith(("os", "sub"))]
        if built is not None:
            assert np.isfinite(built.X).all() and built.X.shape[0] == len(FRAME)
    finally:
        del builtins.canary


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(max_codepoint=0x250), max_size=40))
def test_random_text_never_breaks_the_parser(text):
    try:
        built = design(text, FRAME)
    except ValueError:
        return
    assert built.X.shape[0] == len(FRAME)


@pytest.mark.parametrize(
    ("formula", "piece", "hint"),
    [
        ("y ~ x^2", "x^2", "I(x**2)"),
        ("y ~ (x + z)^2", "^2", "write (x + z)**2"),
        ("y ~ .^2", "^2", "write (.)**2"),
        ("y ~ (x * z)^2", "^2", "write (x * z)**2"),
        ("y ~ log(x)^2", "^2", "write I(log(x)**2)"),
        ("y ~ ", "~", "'.' for all other columns"),
        ("y ~ x**2", "x**2", "I(x**2)"),
        ("y ~ s(x)", "s(x)", "ns(x, df=4)"),
        ("y ~ (1 | g)", "| g", "row_groups='g'"),
        ("y > 0.5 ~ x", "y > 0.5", "I(y > 0.5)"),
        ("y ~ x > 0", "x > 0", "I(x > 0)"),
        ("y + x ~ z", "y + x", "cbind(yes, no)"),
        ("y ~ x / z", "x / z", "a + a:b"),
        ("y ~ lag(x)", "lag(x)", "column made beforehand"),
        ("y ~ mylog(x)", "mylog(x)", "env={'mylog': function}"),
        ("y ~ lgo(x)", "lgo(x)", "log"),
        ("y ~ np.linalg.inv(x)", "np.linalg.inv(x)", "np.log1p"),
        ("y ~ x.values", "x.values", "np.<listed>"),
        ("y ~ x[0]", "x[0]", "select the rows"),
        ("y ~ lambda v: v", "lambda", "env="),
        ("y ~ 2 * x", "2", "I(2 * x)"),
        ("y ~ xx + z", "xx", "'x'"),
        ("y ~ bs(x, dff=4)", "dff", "df"),
        ("y ~ bs(x, df=21)", "df = 21", "20 rows"),
        ("y ~ I(x**11)", "x**11", "from -10 to 10"),
        ("y ~ cut(x)", "cut(x)", "cuts(x, [45, 60])"),
        ("y ~ c(x)", "c(x)", "[45, 60]"),
        ("y ~ cuts(x)", "cuts(x)", "cuts(x, [45, 60])"),
        ("y ~ cols('^nothing')", "cols", "matches"),
        ("y ~ log", "log", "log(x)"),
        ("y = x", "=", "'~'"),
        ("y ~ keep(x):z", "keep(x)", "keep(a:b)"),
    ],
)
def test_refusal_names_the_piece_and_what_to_write_instead(formula, piece, hint):
    with pytest.raises(FormulaError) as error:
        design(formula, FRAME)
    assert piece in str(error.value) and hint in str(error.value)


def test_comparisons_multiply_inside_one_I_as_the_hints_say():
    built = design("y ~ I((x > 0) * (x < 1)) + I(1 - (x > 0))", FRAME)
    np.testing.assert_array_equal(built.X.T, [(FRAME["x"] > 0) & (FRAME["x"] < 1), FRAME["x"] <= 0])
    with pytest.raises(FormulaError, match="must stand in I"):
        design("y ~ log((x > 0) * z)", FRAME)


def test_lent_function_is_called_and_an_unlent_one_is_not():
    built = design("y ~ twice(x) + I(twice(z) + 1)", FRAME, env={"twice": lambda v: 2 * v})
    np.testing.assert_array_equal(built.X, np.column_stack([2 * FRAME.x, 2 * FRAME.z + 1]))
    with pytest.raises(FormulaError, match="twice"):
        design("y ~ twice(x)", FRAME)


def test_lent_function_may_return_columns_and_take_options():
    def powers(v, top):
        return np.column_stack([v**k for k in range(1, int(top) + 1)])

    built = design("y ~ powers(x, top=3)", FRAME, env={"powers": powers})
    assert built.names == ["powers(x, top=3)[1]", "powers(x, top=3)[2]", "powers(x, top=3)[3]"]
    np.testing.assert_array_equal(built.X[:, 2], FRAME.x**3)


def test_lent_function_cannot_change_the_data():
    def spoil(v):
        v[:] = 0
        return v

    before = FRAME.copy()
    design("y ~ x + spoil(x)", FRAME, env={"spoil": spoil})
    pd.testing.assert_frame_equal(FRAME, before)


def test_lent_function_of_the_wrong_length_is_named():
    with pytest.raises(ValueError, match=r"env\['short'\] must return 20 numbers"):
        design("y ~ short(x)", FRAME, env={"short": lambda v: v[:3]})


@pytest.mark.parametrize("name", ["log", "C", "np", "__f__", "not a name"])
def test_lent_function_may_not_hide_the_vocabulary(name):
    with pytest.raises(FormulaError, match="env"):
        design("y ~ x", FRAME, env={name: np.sin})


def test_lent_value_that_is_no_function_is_a_type_error():
    with pytest.raises(TypeError, match="must be a function, not list"):
        design("y ~ x", FRAME, env={"knots": [1, 2]})


def test_column_named_like_a_function_needs_backticks():
    data = FRAME.rename(columns={"z": "log"})
    with pytest.raises(FormulaError, match="`log` in backticks"):
        design("y ~ log", data)
    np.testing.assert_array_equal(design("y ~ log(x)", data).X[:, 0], np.log(data["x"]))
    np.testing.assert_array_equal(design("y ~ `log`", data).X[:, 0], data["log"])
    assert design("y ~ . - g", data).names == ["x", "log", "my col"]


def test_a_column_in_backticks_stands_beside_the_function_of_its_name():
    data = FRAME.rename(columns={"z": "C"})
    built = design("y ~ `C` + C(g)", data)
    assert built.spec.terms[0].name == "C"
    assert built.spec.terms[1].name == "C(g)"
    again = built.spec.transform(data)
    np.testing.assert_array_equal(again.X, built.X)
    f = design("y ~ f(x) + `f`", FRAME.rename(columns={"z": "f"}), env={"f": np.square})
    np.testing.assert_array_equal(f.X.T, [FRAME["x"] ** 2, FRAME["z"]])


def test_formula_that_is_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="not int"):
        design(3, FRAME)

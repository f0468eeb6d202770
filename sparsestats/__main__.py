"""The command line: ``sparsestats demo | fit FORMULA FILE | predict MODEL.json FILE``."""

from __future__ import annotations

import argparse
import lzma
import os
import re
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from . import __version__

if TYPE_CHECKING:
    import pandas as pd

    from .report.fit import Fit

DEMO_FORMULA = (
    "body_mass_g ~ species + island + sex + bs(flipper_length_mm, df=5) + bs(bill_length_mm, df=4) "
    "+ bill_depth_mm + factor(year)"
)
"""The demo's model: which measurements tell the body mass of the penguins in data/penguins.csv."""

DEMO_TERM = "flipper_length_mm"
"""The variable whose spline the demo draws."""

_SLOPES = ("slope", "gslope", "sgslope")
_MODELS = (*_SLOPES, "presto")
_SETTINGS = {
    **dict.fromkeys(("family", "tol", "max_iter", "standardize", "penalty_factor", "terms_in_folds"), _MODELS),
    **dict.fromkeys(("sequence", "q", "huber_delta"), _SLOPES),
    "l1_ratio": ("sgslope", "presto"),
    **dict.fromkeys(("link", "first_penalty", "parallel", "penalty", "reverse", "monotone", "repair"), ("presto",)),
}
"""Options of ``fit`` that the model itself judges, and the models that have them; left out of a call where they were
not given."""

_ELSEWHERE = {"--seed": "random_state", "--jobs": "n_jobs", "--alpha-ratio": "alphas"}
"""Options that have another name in Python."""

_OPTIONS_ELSEWHERE = {
    "--lambda": "--alpha",
    "--nlambda": "--n-alphas",
    "--lambda-min-ratio": "--alpha-ratio",
    "--nfolds": "--cv",
    "--folds": "--cv",
    "--weights": "--sample-weight",
    "--random-state": "--seed",
    "--n-jobs": "--jobs",
    "--output": "--out",
}
"""What options are called in other programs, and in Python -> what they are here."""

OK, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes; argparse itself ends with 2 on a wrong call."""

_READERS = {".csv": "CSV", ".tsv": "TSV", ".parquet": "Parquet", ".pq": "Parquet"}
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_UNREADABLE = (ValueError, OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


class Refused(Exception):
    """Something about the files of a call, in words for the person who made it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str or None
        Without the program's name; None takes those of the process.

    Returns
    -------
    int
        0 when all went well, 1 when the data, the formula or a file could not be used (one line on stderr
        says why), 130 after Ctrl-C. A wrong call ends the process with 2, as argparse does.
    """
    asked = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = partial(_one_line_warning, asked.flags)
        try:
            asked.run(asked)
            sys.stdout.flush()
        except KeyboardInterrupt:
            print("sparsestats: interrupted", file=sys.stderr)
            return INTERRUPTED
        except BrokenPipeError:
            # The reader has had enough, as head has; Python must not complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except (Refused, ValueError, TypeError, OSError, ImportError) as error:
            print(f"sparsestats: error: {_in_flags(_one_line(error), asked.flags)}", file=sys.stderr)
            return FAILED
    return OK


class _Parser(argparse.ArgumentParser):
    """A parser that answers options of other programs, and misspelt ones, with ours."""

    options: ClassVar[set[str]] = set()

    def error(self, message: str) -> NoReturn:
        unknown = re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", message)
        if unknown:
            from difflib import get_close_matches

            near = get_close_matches(unknown[1], self.options, n=1, cutoff=0.6)
            meant = _OPTIONS_ELSEWHERE.get(unknown[1]) or (near[0] if near else None)
            message += f" (did you mean {meant}?)" if meant else ""
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="sparsestats",
        description="Sparse and structured statistical models, fitted by formula.",
        epilog="Each command has its own help: sparsestats fit --help",
    )
    parser.add_argument("--version", action="version", version=f"sparsestats {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        help="fit a cross-validated group SLOPE to a shipped table and draw it",
        description="Fit group SLOPE to the penguins table that comes with the package, cross-validate it, "
        "print the summary, and write summary, coefficients, cross-validation, plots and model to a folder.",
    )
    _add_out(demo, "sparsestats-demo")
    demo.add_argument("--seed", type=_at_least(0), default=0, help="seed of the folds (default: %(default)s)")
    demo.set_defaults(run=_demo, flags=_flags(demo))

    fit = commands.add_parser(
        "fit",
        help="fit a model to a CSV or Parquet file",
        description="Fit a model by formula to a table.",
        epilog='example: sparsestats fit "y ~ age + C(site) + bs(dose, df=4)" trial.csv --out results',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("formula", metavar="FORMULA", help='such as "y ~ x + C(g) + bs(age, df=4)"; quote it')
    fit.add_argument("file", metavar="FILE", help="table with a header line: .csv, .tsv (also .gz, .zip) or .parquet")
    fit.add_argument(
        "--model",
        choices=_MODELS,
        default="gslope",
        help="slope selects columns, gslope whole terms, sgslope both; presto fits ordered classes "
        "(default: %(default)s)",
    )
    fit.add_argument(
        "--alpha",
        type=_alpha,
        default="cv",
        metavar="cv|path|NUMBER",
        help="cv chooses the penalty by cross-validation, path fits all and chooses none, a number fits "
        "that one (default: %(default)s)",
    )
    fit.add_argument(
        "--family",
        choices=("gaussian", "binomial", "poisson", "huber", "multinomial", "cumulative", "sratio", "cratio", "acat"),
        help="of the response: the last four for presto (default: gaussian, of presto cumulative)",
    )
    fit.add_argument(
        "--selection",
        choices=("min", "1se", "average"),
        default="min",
        help="rule that picks alpha: the best score, the sparsest within one standard error of it, or (presto only) "
        "the mean of the path's models (default: %(default)s)",
    )
    fit.add_argument("--cv", type=_at_least(2), default=10, metavar="K", help="number of folds (default: %(default)s)")
    fit.add_argument("--seed", type=_at_least(0), default=0, help="seed of the folds (default: %(default)s)")
    fit.add_argument(
        "--scoring",
        metavar="NAME",
        help="score of the folds, such as mse, mae, log_loss, roc_auc (default: mse of gaussian, deviance of poisson, "
        "mae of huber, log_loss of classes, brier of presto)",
    )
    fit.add_argument("--n-alphas", type=_at_least(1), metavar="N", help="number of alphas of the path (default: 100)")
    fit.add_argument(
        "--alpha-ratio",
        type=_share,
        metavar="R",
        help="end of the path, as a share of the smallest alpha that selects nothing (default: 0.01)",
    )
    fit.add_argument(
        "--sequence",
        type=_one_or_two(str),
        metavar="NAME",
        help="shape of the penalty, such as bh, lasso, mean, max; of sgslope also two, for columns and for terms: "
        "bh,mean (default: bh of slope, mean of gslope, vmean of sgslope)",
    )
    fit.add_argument(
        "--q",
        type=_one_or_two(_share),
        metavar="Q",
        help="target false discovery rate of the sequence, in (0, 1); of sgslope also two, for columns and for "
        "terms: 0.1,0.05 (default: 0.1)",
    )
    fit.add_argument(
        "--l1-ratio",
        type=_part,
        metavar="R",
        help="of sgslope the share of the penalty on columns, the rest is on terms (default: 0.95); of presto the "
        "share of the absolute value, the rest is squared (default: 1)",
    )
    fit.add_argument(
        "--standardize",
        type=_truth,
        metavar="yes|no|group",
        help="scale every column to unit variance, none, or make each term orthonormal (default: yes; group for "
        "gslope with a penalised term of several columns)",
    )
    fit.add_argument(
        "--penalty-factor",
        action="append",
        type=_factor,
        metavar="TERM=NUMBER",
        help="what the penalty of a term is multiplied by, 0 for none (may be repeated)",
    )
    fit.add_argument(
        "--huber-delta", type=_positive, metavar="D", help="residual beyond which huber is linear (default: 1.345)"
    )
    fit.add_argument("--tol", type=_positive, metavar="TOL", help="relative duality gap asked for (default: 1e-8)")
    fit.add_argument(
        "--max-iter",
        type=_at_least(1),
        metavar="N",
        help="iterations allowed at each alpha (default: 10000, of presto 100)",
    )
    fit.add_argument(
        "--unpenalized",
        action="append",
        metavar="TERM",
        help="a term that is never penalised (may be repeated)",
    )
    fit.add_argument("--sample-weight", metavar="COLUMN", help="column of weights >= 0")
    fit.add_argument("--offset", metavar="COLUMN", help="column with a known part of the linear predictor")
    fit.add_argument("--row-groups", metavar="COLUMN", help="column of labels whose rows share a fold, such as patient")
    fit.add_argument(
        "--terms-in-folds",
        action="store_true",
        default=None,
        help="learn knots and scales inside each fold instead of once on all rows",
    )
    fit.add_argument("--jobs", type=int, metavar="N", help="workers over folds; -1 for all cores (default: 1)")
    fit.add_argument(
        "--missing",
        choices=("drop", "raise"),
        default="drop",
        help="rows with missing values (default: %(default)s)",
    )
    fit.add_argument("--verbose", action="store_true", help="show progress")
    _add_ordinal(fit.add_argument_group("presto only"))
    _add_out(fit, "sparsestats-fit")
    fit.set_defaults(run=_fit, flags=_flags(fit))

    predict = commands.add_parser(
        "predict",
        help="predict the rows of a file with a saved model",
        description="Predict every row of a table with a saved model. A row with a missing input gets an empty cell.",
    )
    predict.add_argument("model", metavar="MODEL.json", help="written by sparsestats fit, or by Fit.save")
    predict.add_argument("file", metavar="FILE", help="table with the variables of the formula")
    predict.add_argument(
        "--type",
        choices=("response", "link", "class", "prob", "cumulative"),
        help="mean of the response, linear predictor, likelier class, every class's probability, or that of "
        "a class or one below it (ordered classes only); default: response, of ordered classes prob",
    )
    predict.add_argument(
        "--at",
        type=_place,
        metavar="min|1se|average|NUMBER",
        help="another place on the saved path than the one it sits at; average is the mean of its models (presto only)",
    )
    predict.add_argument(
        "--unseen",
        choices=("raise", "nan", "zero"),
        default="raise",
        help="levels the fit never met: an error, an empty cell, or no effect of the level (default: %(default)s)",
    )
    predict.add_argument(
        "--offset", metavar="COLUMN", help="column with the offset, if the fit had another name for it"
    )
    predict.add_argument("--out", metavar="FILE.csv", help="where to write; without it predictions go to stdout")
    _Parser.options = {*_flags(fit).values(), *_flags(predict).values()}
    predict.set_defaults(run=_predict, flags={"alphas": "--alpha-ratio", **_flags(predict)})
    return parser


def _add_ordinal(group: Any) -> None:
    group.add_argument("--link", choices=("logit", "probit", "cloglog", "loglog"), help="default: logit")
    group.add_argument(
        "--first-penalty",
        type=_weight,
        metavar="W",
        help="weight of the first boundary's coefficients: 1 (default), or 0 to shrink to proportional odds alone",
    )
    group.add_argument(
        "--parallel",
        action="append",
        metavar="all|TERM",
        help="hold a term to proportional odds, or all of them (may be repeated)",
    )
    group.add_argument("--penalty", choices=("l1", "group", "slope", "mcp"), help="on the differences (default: l1)")
    group.add_argument(
        "--reverse", action="store_true", default=None, help="for data whose first class is the rare one"
    )
    group.add_argument(
        "--monotone",
        choices=("auto", "none", "train", "box"),
        help="where boundaries are held in order: nowhere, at the rows of the fit, in the box round them "
        "(default: auto, at the rows where they would cross)",
    )
    group.add_argument(
        "--repair",
        choices=("rearrange", "isotonic", "clip", "raise"),
        help="what predictions do about boundaries out of order (default: rearrange)",
    )


def _flags(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The options of a command by their names in Python."""
    longest = [action.option_strings[-1] for action in parser._actions if action.option_strings]
    return {_ELSEWHERE.get(flag, flag.strip("-").replace("-", "_")): flag for flag in longest if flag != "--help"}


def _add_out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--out", type=_folder, default=default, metavar="DIR", help="folder to write to (default: ./%(default)s)"
    )


# ---- arguments ----


def _alpha(text: str) -> str | float | None:
    if text in ("cv", "path"):
        return text
    return _number(text, lambda value: value >= 0, 'must be "cv", "path" or a number >= 0')


def _place(text: str) -> str | float:
    if text in ("min", "1se", "average"):
        return text
    return _number(text, lambda value: value >= 0, "must be min, 1se, average or a number >= 0")


def _folder(text: str) -> str:
    if Path(text).exists() and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"must be a folder, and {text!r} is a file")
    return text


def _positive(text: str) -> float:
    return _number(text, lambda value: value > 0, "must be a number > 0")


def _weight(text: str) -> float:
    return _number(text, lambda value: value >= 0, "must be a number >= 0")


def _share(text: str) -> float:
    return _number(text, lambda value: 0 < value < 1, "must be a number between 0 and 1")


def _part(text: str) -> float:
    return _number(text, lambda value: 0 <= value <= 1, "must be a number from 0 to 1")


def _truth(text: str) -> bool | str:
    known: dict[str, bool | str] = {"yes": True, "true": True, "no": False, "false": False, "group": "group"}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"must be yes, no or group, got {text!r}")
    return known[text.lower()]


def _factor(text: str) -> tuple[str, float]:
    term, found, number = text.rpartition("=")
    if not (found and term):
        raise argparse.ArgumentTypeError(f"must be TERM=NUMBER, such as age=0.5, got {text!r}")
    return term, _weight(number)


def _one_or_two(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        parts = [kind(part.strip()) for part in text.split(",")]
        if len(parts) > 2:
            raise argparse.ArgumentTypeError(f"must be one, or two with a comma between them, got {text!r}")
        return tuple(parts) if len(parts) == 2 else parts[0]

    return read


def _at_least(least: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        value = _number(
            text, lambda value: value >= least and value == int(value), f"must be a whole number >= {least}"
        )
        return int(value)

    return whole


def _number(text: str, holds: Callable[[float], bool], otherwise: str) -> float:
    try:
        value = float(text)
        good = abs(value) < float("inf") and holds(value)
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{otherwise}, got {text!r}")
    return value


# ---- commands ----


def _demo(asked: argparse.Namespace) -> None:
    from .api import gslope
    from .backend.path import relative
    from .datasets import load_penguins

    fit = gslope(DEMO_FORMULA, load_penguins(), alpha="cv", alphas=relative(1, 1e-3, 100), random_state=asked.seed)
    _write(fit, Path(asked.out), term=DEMO_TERM)


def _fit(asked: argparse.Namespace) -> None:
    from . import api
    from .backend.path import relative

    settings = {name: value for name in _SETTINGS if (value := getattr(asked, name)) is not None}
    for name in settings:
        if asked.model not in _SETTINGS[name]:
            *others, last = _SETTINGS[name]
            models = f"{', '.join(others)} and {last}" if others else last
            raise Refused(f"{asked.flags[name]} is an option of --model {models}, and this is {asked.model}.")
    for name in ("sequence", "q"):
        if isinstance(settings.get(name), tuple) and asked.model != "sgslope":
            raise Refused(f"{asked.flags[name]} takes two only with --model sgslope, and this is {asked.model}.")
    if asked.parallel == ["all"]:
        settings["parallel"] = True
    if asked.penalty_factor is not None:
        settings["penalty_factor"] = dict(asked.penalty_factor)
    if asked.n_alphas is not None or asked.alpha_ratio is not None:
        settings["alphas"] = relative(1.0, asked.alpha_ratio or 0.01, asked.n_alphas or 100)
    fit = getattr(api, asked.model)(
        asked.formula,
        read_table(Path(asked.file)),
        alpha=None if asked.alpha == "path" else asked.alpha,
        sample_weight=asked.sample_weight,
        offset=asked.offset,
        row_groups=asked.row_groups,
        cv=asked.cv,
        selection=asked.selection,
        scoring=asked.scoring,
        random_state=asked.seed,
        n_jobs=asked.jobs,
        unpenalized=asked.unpenalized,
        missing=asked.missing,
        verbose=int(asked.verbose),
        **settings,
    )
    _write(fit, Path(asked.out))


def _predict(asked: argparse.Namespace) -> None:
    import pandas as pd

    from .api import load
    from .report.fit import Fit

    if not Path(asked.model).is_file():
        raise Refused(f"There is no file {asked.model}; sparsestats fit --out DIR writes DIR/model.json.")
    fit = load(asked.model)
    if not isinstance(fit, Fit):
        raise ValueError(f"{asked.model} holds a graph, not a regression: predict answers for regressions only")
    data = read_table(Path(asked.file))
    chosen = {} if asked.type is None else {"type": asked.type}
    values: Any = fit.predict(data, **chosen, at=asked.at, offset=asked.offset, unseen=asked.unseen)
    table = values.to_frame() if isinstance(values, pd.Series) else values
    if asked.out is None:
        table.to_csv(sys.stdout, index=False, lineterminator="\n")
        return
    out = Path(asked.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(out, index=False)
    print(f"wrote {out}: {len(table)} predictions, {int(table.isna().any(axis=1).sum())} of them missing")


def read_table(path: Path) -> pd.DataFrame:
    """A table from a file.

    Raises
    ------
    Refused
        When the file is not there, empty, not a table, or of a kind not known here.
    """
    import pandas as pd

    kind = _READERS.get((path.with_suffix("") if path.suffix.lower() in _PACKED else path).suffix.lower())
    if kind is None:
        raise Refused(
            f"{path} has no known ending: tables are read from {', '.join(_READERS)} files, text also from "
            f"packed ones ({', '.join(_PACKED)})."
        )
    if not path.is_file():
        raise Refused(f"{path} is not a file." if path.exists() else f"There is no file {path}.")
    if path.stat().st_size == 0:
        raise Refused(f"{path} is empty.")
    try:
        if kind == "Parquet":
            table = pd.read_parquet(path)
            if any(name is not None for name in table.index.names):
                table = table.reset_index()  # a column like any other in the file, whatever pandas makes of it
        else:
            table = pd.read_csv(path, sep="," if kind == "CSV" else "\t")
    except ImportError as error:
        raise Refused("Reading Parquet needs pyarrow: pip install 'sparsestats[parquet]'.") from error
    except _UNREADABLE as error:
        raise Refused(f"{path} cannot be read as {kind}: {_one_line(error)}") from error
    if len(table) == 0:
        raise Refused(f"{path} has a header and no rows.")
    only = str(table.columns[0]) if table.shape[1] == 1 else ""
    between = next((mark for mark in (";", "\t", "|", ",") if mark in only), None)
    if between is not None:
        raise Refused(
            f"{path} was read as one column, {only!r}: its fields are separated by {between!r}, "
            "and this wants commas in a .csv, tabs in a .tsv."
        )
    return table


def _write(fit: Fit, out: Path, term: str | None = None) -> None:
    """Print the summary, write everything a reader may want, and say where."""
    out.mkdir(parents=True, exist_ok=True)
    print(fit.summary())
    written = [out / "summary.txt", out / "coefficients.csv", out / "model.json"]
    fit.summary().to_text(written[0])
    fit.tidy().to_csv(written[1], index=False)
    fit.save(written[2])
    if fit.cv is not None:
        written.append(out / "cv.csv")
        fit.cv.table.to_csv(written[-1], index=False)
    written += _draw(fit, out, term)
    print()
    for path in written:
        print(f"wrote {path}")


def _draw(fit: Fit, out: Path, term: str | None) -> list[Path]:
    """The plots as PNG files, without a screen; none where matplotlib is not installed."""
    try:
        import matplotlib
    except ImportError:
        print("no plots: they need matplotlib, pip install 'sparsestats[plot]'", file=sys.stderr)
        return []
    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds: dict[str, tuple[str, str | None]] = {"path.png": ("path", None)} if len(fit.path) > 1 else {}
    if fit.cv is not None:
        kinds["cv.png"] = ("cv", None)
    if term is not None:
        kinds["term.png"] = ("term", term)
    for name, (kind, what) in kinds.items():
        figure = fit.plot(kind, what).figure
        figure.savefig(out / name, dpi=150)
        pyplot.close(figure)
    return [out / name for name in kinds]


def _one_line(error: BaseException) -> str:
    """An error's text on one line, with its notes."""
    return " ".join(" ".join([str(error), *getattr(error, "__notes__", [])]).split())


def _one_line_warning(flags: Mapping[str, str], message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"sparsestats: warning: {_in_flags(' '.join(str(message).split()), flags)}", file=sys.stderr)


def _in_flags(text: str, flags: Mapping[str, str]) -> str:
    """What the formula door says of its arguments, said of the options of a command.

    Parameters
    ----------
    text : str
    flags : mapping
        Names in Python -> options. Other names stay: a formula has arguments of its own, such as ``levels=``.
    """
    names = "|".join(flags)
    text = re.sub(
        rf"The '({names})' parameter of \w+ must be (.*)\. Got (.*) instead\.",
        lambda found: f"{found[1]} must be {_plain(found[2])}; got {found[3]}.",
        text,
    )
    if "at" in flags:
        text = text.replace("Move to it by fit.at(alpha), a number", f"Choose one by {flags['at']} NUMBER,")
    text = re.sub(r"\bss\.(slope|gslope|sgslope|presto)\b(?!\()", r"--model \1", text)

    def spoken(found: re.Match[str]) -> str:
        if found["name"] is None:  # a piece of somebody's formula or data
            return found[0]
        value = (found["value"] or "").strip("'\"")
        if value in ("True", "False"):  # of options that are set by being there
            value = "all" if found["name"] == "parallel" else ""
        return f"{flags[found['name']]} {value}".strip()

    quoted = r"(?<![=\w])(?:'[^']*'|\"[^\"]*\"|`[^`]*`)"
    given = rf"(?P<name>{names})=(?P<value>'[^']*'|\"[^\"]*\"|[\w.+-]*\w|)"
    text = re.sub(rf"{quoted}|(?<![\w-])(?<!\w\(){given}", spoken, text)
    # The name of an argument opens what is said about it; where it cannot be a word of English it may stand anywhere.
    opens = rf"(?:(?<=^)|(?<=[.:;,] ))(?P<name>{names})(?P<value>)(?= (?:must|needs|names|mixes|reaches)\b)"
    text = re.sub(rf"{quoted}|{opens}", spoken, text)
    odd = "|".join(name for name in flags if "_" in name) or "$^"
    return re.sub(rf"{quoted}|(?<![\w-])(?P<name>{odd})(?P<value>)(?![\w=])", spoken, text)


def _plain(expected: str) -> str:
    """What scikit-learn says a parameter must be, without the types of Python."""
    expected = expected.replace("an instance of 'bool' or an instance of 'numpy.bool'", "yes or no")
    found = re.fullmatch(r"a str among \{(.*)\}", expected)
    return f"one of {', '.join(sorted(found[1].split(', ')))}" if found else expected


if __name__ == "__main__":
    sys.exit(main())

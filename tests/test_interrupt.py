"""Ctrl-C reaches a running kernel, on the main thread and behind a thread pool."""

import os
import signal
import subprocess
import sys
import time

import pytest

PRELUDE = """
import signal, sys, threading, time, warnings
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
import sparsestats as ss
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = np.asfortranarray(rng.normal(size=(600, 6000)) + rng.normal(size=(600, 1)))
y = X[:, :300] @ rng.normal(size=300) + rng.normal(size=600)
alphas = ss.relative(1, 1e-4, 2000)
# a tolerance that costs minutes
options = dict(tol=1e-14, max_iter=10**7)
"""
SINGLE = """
model = ss.SLOPE(**options)
print("go", flush=True)
try:
    model.path(X, y, alphas)
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
THREADED = """
from sparsestats.estimators._crossval import FoldPaths
from sparsestats.selection.crossval import cross_validate_path
from sparsestats.selection.folds import check_cv
from sparsestats._core import ext
model = ss.SLOPE(**options)
print("go", flush=True)
try:
    problem = model._problem(X, y)
    cross_validate_path(
        ss.SLOPE(**options), problem.X, y, alphas=alphas.grid(10.0), splits=check_cv(4, y), n_jobs=2,
        control=ext.Control(), fold_path=FoldPaths(model, problem),
    )
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
# the kernels in the threads have been told as well: soon nothing uses the processor any more
for attempt in range(20):
    clock = time.process_time()
    time.sleep(0.1)
    if time.process_time() - clock < 0.02:
        break
print(f"quiet after {attempt / 10}" if attempt < 10 else "busy", flush=True)
"""

# The lasso of every variable on those before it, and on all others: ten seconds and more.
GRAPH = """
from sparsestats.backend.native import dag
X = rng.normal(size=(1600, 800)) @ rng.normal(size=(800, 800))
S = np.cov(X.T, ddof=0)
score = dag.Score(S, True, 0.01 * np.sqrt(np.diagonal(S).min()), 1e-3)
print("go", flush=True)
try:
    {call}
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def interrupt(script, after):
    """Lines the script prints after SIGINT, and the seconds until the first of them."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", PRELUDE + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline().strip() == "go", child.stderr.read()
        time.sleep(after)
        assert child.poll() is None
        sent = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        first = child.stdout.readline().strip()
        seconds = time.monotonic() - sent
        rest, errors = child.communicate(timeout=20)
        assert child.returncode == 0, errors
        return [first, *rest.split()], seconds
    finally:
        child.kill()
        child.wait()


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="a console event, not a signal, on Windows"),
]


def test_a_fit_on_the_main_thread_stops_at_ctrl_c():
    said, seconds = interrupt(SINGLE, after=0.7)
    # the kernels look every 50 ms or so; the rest is a machine that may be shared
    assert said == ["interrupted"] and seconds < 0.5


def test_folds_in_threads_stop_at_ctrl_c():
    said, seconds = interrupt(THREADED, after=1.0)
    assert said[:2] == ["interrupted", "quiet"] and seconds < 0.7


@pytest.mark.parametrize("call", ["dag.fit_on_order(score, np.arange(800))", "dag.fit_unordered(score)"])
def test_the_lasso_of_a_graph_stops_at_ctrl_c(call):
    said, seconds = interrupt(GRAPH.format(call=call), after=0.7)
    assert said == ["interrupted"] and seconds < 0.7

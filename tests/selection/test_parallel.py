"""Fan-out: order, workers, the BLAS limit, the progress bar, Ctrl-C."""

import _thread
import os
import signal
import threading
import time
from functools import partial

import joblib
import numpy as np
import pytest
from threadpoolctl import threadpool_info

from sparsestats.selection.parallel import run, single_threaded_blas


def blas_threads():
    return {lib["filepath"]: lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def square(x):
    return x * x


def place(x):
    return os.getpid(), max(blas_threads().values())


def correlations(seed):
    X = np.random.default_rng(seed).standard_normal((300, 200))
    return np.linalg.svd(X.T @ X)[1]


def has_control(x, control=None):
    return control is not None


class Token:
    """Like the compiled core's: has stop(), and cannot be pickled."""

    def __init__(self):
        self.event = threading.Event()

    def stop(self):
        self.event.set()


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, -1])
def test_answers_come_in_the_order_of_the_tasks(n_jobs):
    assert run(square, [(i,) for i in range(20)], n_jobs=n_jobs) == [i * i for i in range(20)]
    assert run(square, [], n_jobs=n_jobs) == []


def test_threads_are_preferred_and_share_this_process():
    places = run(place, [(i,) for i in range(4)], n_jobs=2)
    assert {pid for pid, _ in places} == {os.getpid()}


def test_blas_is_limited_in_the_tasks_and_restored_after():
    before = blas_threads()
    assert {threads for _, threads in run(place, [(0,), (1,)], n_jobs=2)} == {1}
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError):
        run(divmod, [(1, 0)], n_jobs=2)
    assert blas_threads() == before


def test_overlapping_limits_never_outlive_the_last_of_them():
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded_blas():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=hold)
    with single_threaded_blas():
        other.start()
        assert entered.wait(10)
        with single_threaded_blas():
            pass
        assert set(blas_threads().values()) == {1}  # an inner limit does not lift the outer one
    leave.set()
    other.join(10)
    assert blas_threads() == before


def test_one_answer_in_threads_and_in_processes():
    tasks = [(seed,) for seed in range(3)]
    here = run(correlations, tasks)
    threads = run(correlations, tasks, n_jobs=2)
    with joblib.parallel_config("loky", n_jobs=2):
        processes = run(correlations, tasks)
        places = run(place, [(0,)] * 4, control=Token())
    for a, b, c in zip(here, threads, processes, strict=True):
        np.testing.assert_array_equal(a, b)  # bit for bit: one BLAS thread everywhere
        np.testing.assert_array_equal(a, c)
    assert os.getpid() not in {pid for pid, _ in places}
    assert {threads for _, threads in places} == {1}


def test_control_reaches_tasks_of_this_process_only_if_given():
    assert run(has_control, [(0,), (1,)], n_jobs=2, control=Token()) == [True, True]
    assert run(has_control, [(0,)], n_jobs=2) == [False]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupt_stops_the_kernels_and_is_passed_on(n_jobs):
    token, stopped = Token(), []

    def kernel(number, control):
        if number == 1:
            raise KeyboardInterrupt
        stopped.append(control.event.wait(10))

    with pytest.raises(KeyboardInterrupt):
        run(kernel, [(1,)] if n_jobs == 1 else [(0,), (1,)], n_jobs=n_jobs, control=token)
    assert token.event.is_set()
    deadline = time.monotonic() + 10
    while n_jobs == 2 and not stopped and time.monotonic() < deadline:
        time.sleep(0.005)
    assert stopped == [True] * (n_jobs - 1)  # the other task saw the stop, not the timeout


def test_ctrl_c_in_the_main_thread_stops_kernels_in_the_others(request):
    # A shell that starts us in the background has us ignore Ctrl-C.
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    token, started, seen = Token(), threading.Barrier(3), []

    def kernel(number, control):
        started.wait(10)
        until = time.monotonic() + 10
        while not control.event.wait(0.01) and time.monotonic() < until:
            pass  # looks up now and then, as compiled kernels do
        seen.append(control.event.is_set())

    def press():
        started.wait(10)
        _thread.interrupt_main()

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        run(kernel, [(0,), (1,)], n_jobs=2, control=token)
    presser.join(10)
    deadline = time.monotonic() + 10
    while not seen and time.monotonic() < deadline:
        time.sleep(0.005)
    assert seen == [True]  # the other thread's: stopped by the token, not by its own timeout
    assert run(square, [(3,)], n_jobs=2) == [9]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_is_shown_on_stderr_when_asked_for(capfd, n_jobs):
    run(square, [(i,) for i in range(5)], n_jobs=n_jobs)
    assert capfd.readouterr() == ("", "")
    run(square, [(i,) for i in range(5)], n_jobs=n_jobs, verbose=1, label="folds")
    out, err = capfd.readouterr()
    assert out == "" and "folds" in err and "5/5" in err


def test_n_jobs_of_zero_is_refused():
    with pytest.raises(ValueError, match="n_jobs must be a number of workers"):
        run(square, [(1,)], n_jobs=0)


@pytest.mark.slow  # two more processes that import everything
def test_dask_cluster_takes_the_tasks_unchanged():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config("dask"),
    ):
        places = run(place, [(i,) for i in range(4)], control=Token())
        far = run(correlations, [(0,), (1,)])
    assert os.getpid() not in {pid for pid, _ in places}
    for a, b in zip(far, run(correlations, [(0,), (1,)]), strict=True):
        np.testing.assert_array_equal(a, b)


def inner(i):
    return run(place_of_thread, [(j,) for j in range(2)], n_jobs=2)


def place_of_thread(j):
    return threading.get_ident()


def test_a_fan_out_within_a_task_of_a_fan_out_within_a_task_stays_in_its_thread():
    def outer(i):
        return threading.get_ident(), run(innermost, [(0,), (1,)], n_jobs=2)

    def innermost(i):
        return threading.get_ident(), inner(i)

    for _, middle in run(outer, [(0,), (1,)], n_jobs=2):
        for thread, places in middle:
            assert places == [thread] * 2


def test_the_first_error_ends_the_fan_out():
    done = []

    def task(i):
        if i == 1:
            raise ZeroDivisionError
        time.sleep(0.01)
        done.append(i)

    with pytest.raises(ZeroDivisionError):
        run(task, [(i,) for i in range(50)], n_jobs=2)
    assert len(done) < 25


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_runs_beside_the_tasks_runs_once_and_here(n_jobs):
    seen = []
    assert run(square, [(2,), (3,)], n_jobs=n_jobs, beside=lambda: seen.append(os.getpid())) == [4, 9]
    assert run(square, [], n_jobs=n_jobs, beside=lambda: seen.append(0)) == []
    assert seen == [os.getpid(), 0]
    with pytest.raises(ZeroDivisionError):
        run(square, [(2,), (3,)], n_jobs=n_jobs, beside=lambda: 1 / 0)


def test_what_runs_beside_tasks_in_other_processes_stays_here():
    seen = []
    with joblib.parallel_config("loky", n_jobs=2):
        assert run(square, [(2,), (3,)], beside=lambda: seen.append(os.getpid())) == [4, 9]
    assert seen == [os.getpid()]

"""Fan-out over tasks: the only file that knows joblib.

Threads are preferred, because the kernels release the GIL and threads share the data; no backend is named,
so ``joblib.parallel_config("loky")`` or ``("dask")`` around a call moves the tasks elsewhere unchanged. Where
joblib would choose its threads we start our own: joblib looks for finished tasks every 10 ms, as long as a path takes.
Answers do not depend on where a task runs: order is kept, and BLAS always runs on one thread (the number of
its threads changes how sums are rounded).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Protocol, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import SequentialBackend, ThreadingBackend, get_active_backend
from threadpoolctl import ThreadpoolController

from ..validation import check_jobs

R = TypeVar("R")

INTERRUPTIBLE = 0.05
"""Seconds after which a wait for threads looks for a Ctrl-C that reached another thread."""


class Control(Protocol):
    """What the compiled core's stop token answers to."""

    def stop(self) -> None:
        """Ask every kernel that holds the token to return soon."""


def run(
    function: Callable[..., R],
    tasks: Sequence[tuple],
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
    control: Control | None = None,
    label: str = "",
    beside: Callable[[], Any] | None = None,
) -> list[R]:
    """Call ``function(*task)`` for every task, in parallel, and return the answers in the order of the tasks.

    Parameters
    ----------
    function : callable
        Importable (not a lambda) where tasks may go to other processes.
    tasks : sequence of tuple
        Positional arguments, one tuple a task.
    n_jobs : int or None
        Workers; -1 is all cores. None is 1, unless ``joblib.parallel_config`` says otherwise.
    verbose : int, default 0
        1 or more shows a progress bar on stderr.
    control : object with a method ``stop()``, or None
        Handed to the function as keyword ``control`` in the tasks that run in this process, so that Ctrl-C
        reaches kernels in other threads. Elsewhere, and when None, the keyword is left out.
    label : str
        Name of the progress bar.
    beside : callable or None
        Called once, always in this process, by the thread that called; before tasks of its own.

    Returns
    -------
    list
        ``[function(*task) for task in tasks]``.

    Raises
    ------
    ValueError
        When ``n_jobs`` is no number of workers.
    KeyboardInterrupt
        After ``control.stop()`` was called.

    Examples
    --------
    >>> from sparsestats.selection.parallel import run
    >>> run(pow, [(2, 3), (3, 2)], n_jobs=2)
    [8, 9]
    """
    check_jobs(n_jobs)
    call = _Call(function, _Home(control, here=True))
    with single_threaded_blas(), _Bar(len(tasks), label, hidden=verbose < 1) as bar:
        try:
            backend, configured = get_active_backend(prefer="threads")
            if isinstance(backend, ThreadingBackend | SequentialBackend):
                workers = backend.effective_n_jobs(configured if n_jobs is None else n_jobs)
                inner, inner_jobs = backend.get_nested_backend()
                nested = partial(parallel_config, backend=inner, n_jobs=inner_jobs)
                return _threads(call, tasks, workers, nested, bar, beside)
            if beside is not None:
                beside()
            # One task a batch: tasks are long (a path each), and there are few of them.
            parallel = _ReportingParallel(bar, n_jobs=n_jobs, prefer="threads", batch_size=1)
            return list(parallel(delayed(call)(task) for task in tasks))
        except KeyboardInterrupt:
            if control is not None:
                control.stop()
            raise


def _threads(
    call: _Call,
    tasks: Sequence[tuple],
    workers: int,
    nested: Callable,
    bar: _Bar,
    beside: Callable[[], Any] | None,
) -> list:
    """The tasks here, one after the other or shared with a pool; fan-outs within a task of those go to ``nested``."""
    if min(workers, len(tasks)) <= 1:
        if beside is not None:
            beside()
        answers = []
        for task in tasks:
            answers.append(call(task))
            bar.show(len(answers))
        return answers

    waiting = deque(enumerate(tasks))
    found: dict[int, Any] = {}

    def serve_one() -> bool:
        """Do the next task, if one waits."""
        try:
            number, task = waiting.popleft()
        except IndexError:
            return False
        found[number] = call(task)
        return True

    def serve() -> None:
        with nested():
            while serve_one():
                pass

    # This thread works too: with one thread more than cores, tasks push each other out of the caches, and the last ones
    # run while a core is idle.
    pool = ThreadPoolExecutor(min(workers, len(tasks)) - 1)
    try:
        others = {pool.submit(serve) for _ in range(min(workers, len(tasks)) - 1)}
        if beside is not None:
            beside()
        with nested():
            while waiting or others:
                if not serve_one():
                    wait(others, INTERRUPTIBLE, FIRST_COMPLETED)
                for other in [other for other in others if other.done()]:
                    other.result()  # an error ends the wait for the others
                    others.remove(other)
                bar.show(len(found))
        return [found[number] for number in range(len(tasks))]
    finally:
        waiting.clear()
        pool.shutdown(wait=False, cancel_futures=True)


class _Home:
    """What only the caller's process has. Pickled, as on its way to another process, it arrives empty."""

    def __init__(self, control: Control | None = None, *, here: bool = False):
        self.control = control
        self.here = here

    def __reduce__(self) -> tuple:
        return type(self), ()


class _Call:
    def __init__(self, function: Callable, home: _Home):
        self.function, self.home = function, home

    def __call__(self, task: tuple) -> Any:
        if not self.home.here:
            with single_threaded_blas():
                return self.function(*task)
        keywords = {} if self.home.control is None else {"control": self.home.control}
        return self.function(*task, **keywords)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep BLAS on one thread, process-wide, from the outermost entry in this process to its exit.

    Nested and simultaneous entries change nothing: two limits that overlap in different threads could each
    restore what the other had set, and leave BLAS on one thread for good.
    """
    if not _limited.acquire(blocking=False):
        yield
        return
    try:
        with _blas().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limited.release()


_limited = threading.Lock()


@cache
def _blas() -> ThreadpoolController:
    """The loaded BLAS libraries; walking them takes milliseconds, so once a process."""
    return ThreadpoolController()


class _Bar:
    """A tqdm bar, or nothing."""

    def __init__(self, total: int, label: str, *, hidden: bool):
        self._bar = None
        if not hidden:
            from tqdm.auto import tqdm  # takes as long to import as all of this package

            self._bar = tqdm(total=total, desc=label or None)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)


class _ReportingParallel(Parallel):
    """joblib calls ``print_progress`` after every task, with any backend; ours moves the bar."""

    def __init__(self, bar: _Bar, **keywords: Any):
        super().__init__(**keywords)
        self._bar = bar

    def print_progress(self) -> None:
        self._bar.show(self.n_completed_tasks)

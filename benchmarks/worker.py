"""A process that holds one problem and one solver, so that a slow peer can be cut off and the run goes on."""

from __future__ import annotations

import gc
import multiprocessing
import statistics
import time
from dataclasses import dataclass

import numpy as np

from . import peers
from .problems import PROBLEMS

STARTUP_SECONDS = 180.0  # imports, data, and a JIT compilation of some 15 s


@dataclass(frozen=True, eq=False)
class Timed:
    """One measurement: the median time of the calls made, and the last call's answer judged."""

    seconds: float
    worst_gap: float


# What a fit may raise without ending the run: the row says so and the next one starts.
FAILURES = (ValueError, TypeError, RuntimeError, AttributeError, ImportError)


class WorkerError(RuntimeError):
    """The solver raised; the text is its own."""


class Worker:
    """Fits one problem by one solver in a fresh process, on request.

    Parameters
    ----------
    problem, solver : str
        Names in ``PROBLEMS`` and ``SOLVERS``.
    cap : float
        Seconds after which a fit is given up and its process ended.
    """

    def __init__(self, problem: str, solver: str, cap: float):
        self.problem, self.solver, self.cap = problem, solver, cap
        self.process: multiprocessing.process.BaseProcess | None = None
        self.warmup_seconds = float("nan")

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fit(self, tol: float, at_least: float = 0.0) -> Timed | None:
        """Fit once, or as often as ``at_least`` seconds need (at most 15 times); None beyond the cap."""
        if self.process is None:
            self.start()
        self.connection.send((tol, at_least))
        return self.receive(self.cap + at_least)

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, far_end = context.Pipe()
        self.process = context.Process(target=serve, args=(far_end, self.problem, self.solver), daemon=True)
        self.process.start()
        far_end.close()
        self.warmup_seconds = self.receive(STARTUP_SECONDS) or float("inf")

    def receive(self, timeout: float):
        try:
            reply = self.connection.recv() if self.connection.poll(timeout) else None
        except EOFError:
            reply = WorkerError(f"the process of {self.solver} ended")
        if reply is None:
            self.stop()
        if isinstance(reply, WorkerError):
            self.stop()
            raise reply
        return reply

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


def serve(connection, problem_name: str, solver: str) -> None:
    """The child: warm up on a few alphas (imports, JIT), then answer requests for ever."""
    try:
        problem = PROBLEMS[problem_name]()
        started = time.perf_counter()
        peers.solve(solver, problem.thinned(5), 1e-2)
        connection.send(time.perf_counter() - started)
        while True:
            tol, at_least = connection.recv()
            connection.send(measure(solver, problem, tol, at_least))
    except EOFError:  # the parent is gone
        return
    except FAILURES as error:
        connection.send(WorkerError(f"{type(error).__name__}: {error}"))


def measure(solver: str, problem, tol: float, at_least: float) -> Timed:
    seconds: list[float] = []
    gc.collect()
    gc.disable()
    while not seconds or (sum(seconds) < at_least and len(seconds) < 15):
        started = time.perf_counter()
        answer = peers.solve(solver, problem, tol)
        elapsed = time.perf_counter() - started
        seconds.append(elapsed if answer.seconds is None else answer.seconds)
    gc.enable()
    duals = None if answer.duals is None else np.asarray(answer.duals)
    return Timed(statistics.median(seconds), problem.worst_gap(answer.coefs, answer.intercepts, duals))

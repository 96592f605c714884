"""Tasks done in processes of their own: one that dies over a task, or takes too long, costs that task and no other."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from ..errors import ExplainerError

CONTEXT = get_context("spawn")
TO_BEGIN = 600.0  # seconds that a process may take until it is ready

Make = Callable[..., Callable[[Any], Any]]  # from arguments to what does a task


class Lost(Exception):
    """A task has no result: its process died, or took too long."""


def done(make: Make, arguments: tuple[Any, ...], tasks: Sequence[Any], jobs: int, seconds: float) -> Iterator[Any]:
    """(place of a task, its result or a `Lost`), as they are done. Raises ExplainerError where `make` does."""
    waiting = deque(enumerate(tasks))
    workers = [Worker(make, arguments) for _ in range(min(jobs, len(tasks)))]
    try:
        while workers:
            wait([each.line for each in workers], max(0.0, min(each.until for each in workers) - monotonic()))
            for worker in [each for each in workers if each.is_heard or monotonic() > each.until]:
                place, result = worker.place, worker.answer()
                if isinstance(result, Lost) and place is None:
                    raise ExplainerError(f"a process that was to help {result}; take fewer of them with --jobs")
                if waiting and not isinstance(result, Lost):
                    worker.begin(*waiting.popleft(), seconds)
                else:
                    worker.end()
                    workers.remove(worker)
                    workers += [Worker(make, arguments)] if waiting else []
                if place is not None:
                    yield place, result
    finally:
        for worker in workers:
            worker.end()


class Worker:
    """One process, and the line to it. It is given a task when it has answered to the one before."""

    def __init__(self, make: Make, arguments: tuple[Any, ...]) -> None:
        self.line, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=serve, args=(theirs, make, arguments), daemon=True)
        with without_interrupts():
            self.process.start()
        theirs.close()
        self.place: int | None = None  # of its task; None until it is ready
        self.until = monotonic() + TO_BEGIN

    def begin(self, place: int, task: Any, seconds: float) -> None:
        self.place, self.until = place, monotonic() + seconds
        with suppress(OSError):  # it has died: so will say what it answers
            self.line.send(task)

    @property
    def is_heard(self) -> bool:
        return self.line.poll()

    def answer(self) -> Any:
        """What it has sent."""
        if not self.is_heard:
            return Lost("takes too long")
        try:
            found = self.line.recv()
        except (EOFError, OSError):
            return Lost("has died")
        if isinstance(found, ExplainerError) and self.place is None:
            raise found
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.line.close()


def serve(line: Connection, make: Make, arguments: tuple[Any, ...]) -> None:
    """What runs in the process: says that it is ready, then answers to each task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that began this one ends it
    try:
        work = make(*arguments)
    except ExplainerError as error:
        line.send(error)
        return
    line.send(None)
    while True:
        try:
            task = line.recv()
        except EOFError:
            return
        line.send(work(task))


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Ctrl-C does nothing meanwhile, and nothing in a process that is begun meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""Things made ahead of their use, on another thread."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds to wait for a thread that is told to end; one that hangs in a source's code is left (it is a daemon).
_PATIENCE = 10.0


class Prefetch(Generic[T]):
    """``with Prefetch(make) as ready:`` goes through what ``make(closed)`` gives, which another thread takes.

    What that raises is raised here, after what came before it. However the block is left, the thread ends, and closes
    what it takes from if that is a generator. One that works long on each thing asks ``closed()`` now and then.

    Parameters
    ----------
    make : callable
        Of a function that says whether nothing is wanted any more.
    ahead : int, default 2
        Things made ahead, at most; one more is being made.
    """

    def __init__(self, make: Callable[[Callable[[], bool]], Iterator[T]], ahead: int = 2) -> None:
        self._items, self._most = make(lambda: self._closed), ahead
        self._ready: deque[T] = deque()
        self._changed = threading.Condition()
        self._over = self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="lamella-prefetch", daemon=True)

    def __enter__(self) -> Iterator[T]:
        try:
            self._thread.start()
        except Exception:
            raise
        except BaseException:  # Ctrl-C, while it starts
            self._close()
            raise
        return self._taken()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._over, _PATIENCE)
        if self._over:
            self._thread.join()

    def _taken(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._over)
                if not self._ready:
                    break
                item = self._ready.popleft()
                self._changed.notify_all()
            yield item
            del item  # or it would stay alive while the next one is waited for
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _work(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._ready.append(item)
                    del item
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed or len(self._ready) < self._most)
                    if self._closed:
                        break
        except BaseException as error:
            self._error = error
        finally:
            self._end()

    def _end(self) -> None:
        try:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._error = self._error or error
        with self._changed:
            self._over = True
            self._changed.notify_all()

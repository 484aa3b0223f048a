"""What the process tells its memory managers before it serves: glibc's, and Python's cyclic garbage collector."""

import ctypes
import gc

_M_ARENA_MAX = -8
"""``malloc.h`` of glibc, mallopt(3)."""
_ARENAS = 2
_COLLECT_AT = (10_000, 20, 20)


def share_arenas() -> None:
    """Have all threads take memory from two heaps of glibc; before the first of them starts.

    By itself each thread gets one, up to eight for each processor, and each keeps what it once needed. Threads of Python that
    allocate hold the interpreter, so they do not wait for each other there. Other C libraries have no such thing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def spare_the_collector() -> None:
    """Keep the cyclic garbage collector from going through what stays for ever, and from coming with every few hundred objects.

    Modules, routes, tables and settings are most of the heap: 50 to 200 ms of each full collection, in whichever thread sets it
    off. A long list sets off several.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AT)

"""What makes a process that only checks files quicker. None of it changes a result."""

import ctypes

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
_KEPT_BYTES = 128 * 2**20
_LARGEST_BYTES = 32 * 2**20  # the most that glibc takes for its heap


def keep_freed_memory() -> None:
    """Lets the columns of one stretch have the memory of the one before.

    By default glibc gives each large array back to the system, which then has to clear it for the
    next one: a sixth of all processor time. Without glibc nothing changes. Arrow takes its memory
    from the same heap, so that neither keeps what the other one needs.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back_memory() -> None:
    """Gives what was kept back to the system, when the work of one kind is done."""
    pa.default_memory_pool().release_unused()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)

"""What this process sets in the operating system when it starts to serve."""

import contextlib
import ctypes
import resource

_PR_SET_DUMPABLE = 4
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_ARENAS = 2
_LARGE = 1024 * 1024
"""Larger buffers are returned to the system at once; by default glibc raises this size over time."""
_DESCRIPTORS = 4096


def guard_memory() -> None:
    """
    Keep core dumps and other processes of this user from reading the memory: it holds keys and tokens.

    Source: prctl(2).
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_memory() -> None:
    """
    Return memory that threads have freed to the system.

    A change writes a file of several megabytes. glibc keeps such buffers in an arena for each thread: with 80
    threads the process grows to almost four times its size, and stays so; with only two arenas it still
    holds some such buffers. Without glibc nothing happens.

    Source: mallopt(3). Must be called before threads are started.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, _ARENAS)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def raise_descriptor_limit() -> None:
    """Allow 1,000 connections in addition to those of the store, registries and Slack."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

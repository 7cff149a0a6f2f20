"""What the operating system is told about the process: no dumps, few arenas, enough descriptors."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

DUMPABLE = """
import ctypes
from bot.run.process import guard_memory
guard_memory()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""

ARENAS = """
import ctypes, threading
from bot.run.process import limit_memory
limit_memory()
turn = threading.Barrier(16)
def use():
    turn.wait()
    buffers = [b"x" * 100_000 for _ in range(60)]
    turn.wait()
threads = [threading.Thread(target=use) for _ in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""

LARGE_WRITES = """
import threading
from pathlib import Path
from bot.run.process import limit_memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
def write():
    turn.wait()
    b"x" * 6_000_000
    b"x" * 6_000_000
    turn.wait()
    turn.wait()
limit_memory()
before = resident()
turn = threading.Barrier(17)
threads = [threading.Thread(target=write) for _ in range(16)]
[thread.start() for thread in threads]
turn.wait()
turn.wait()
print(resident() - before)
turn.wait()
"""

DESCRIPTORS = """
import resource
from bot.run.process import raise_descriptor_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
raise_descriptor_limit()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(4096, hard))
"""


def printed(script):
    """What a script prints in a process of its own."""
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_memory_is_not_dumped():
    """The process tells the kernel to write no core file of it and to show its memory to nobody."""
    assert printed(DUMPABLE) == "0"


def test_threads_share_two_arenas():
    """However many threads there are, what they have freed is kept in two places."""
    assert printed(ARENAS).count("<heap nr=") == 2


def test_large_buffers_go_back_at_once():
    """Sixteen threads that each held 6 MB leave the process as small as it was."""
    assert int(printed(LARGE_WRITES)) < 6_000_000


def test_descriptors_suffice():
    """A low soft limit is raised, as far as the hard one allows."""
    assert printed(DESCRIPTORS) == "True"

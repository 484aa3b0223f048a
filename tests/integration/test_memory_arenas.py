"""What threads once needed is shared by all: a process with many of them keeps little of what each gave back."""

import subprocess
import sys

PROGRAM = """
import sys, threading
from controller.memory import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
gate = threading.Barrier(16)
def work():
    gate.wait(60)
    kept.append([bytes(600) for _ in range(2000)])
kept = []
threads = [threading.Thread(target=work) for _ in range(16)]
for one in threads: one.start()
for one in threads: one.join()
print(sum(1 for line in open("/proc/self/maps") if " 00000000 00:00 0" in line and line.split()[0].split("-")[0].endswith("000000")))
"""


def arenas(how: str) -> int:
    """Return how many mappings stand where glibc puts an arena's (at a multiple of 64 MiB, which ends in six zeros)."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout)


def test_sixteen_threads_have_two_arenas() -> None:
    assert arenas("shared") < arenas("own")
    assert arenas("shared") <= 2

"""Remove what dead labs left behind: `python3 -m tests.lab.sweep`.

Every lab also runs this as its watcher (``--when-stdin-closes``): the lab holds the other end of the pipe, so the watcher
wakes up when the lab ends in any way, SIGKILL included.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from tests.lab.claim import sweep


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep once, now or when standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--when-stdin-closes", action="store_true", help="wait for the end of standard input"
    )
    arguments = parser.parse_args(argv)
    if arguments.when_stdin_closes:
        sys.stdin.read()
        time.sleep(0.2)  # the kernel closes the lab's files one by one: let it drop the lock too
    for name in sweep():
        sys.stdout.write(f"removed the leftovers of {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

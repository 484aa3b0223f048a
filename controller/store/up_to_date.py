"""Has a database brought to the tables of this version, in a process of its own.

What migrations need is loaded for a moment at the start; a controller would keep its 15 MiB for ever.
"""

import subprocess  # noqa: TID251  # a narrow door: this program's own module alone
import sys
from pathlib import Path

from controller.errors import DatabaseUnusable

_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from controller.store.migrate_apart import main
sys.exit(main())
"""
"""Finds this package where it is, installed or not."""
UNUSABLE = 3
"""Exit status of the program; its output says why."""


def bring_up_to_date(url: str) -> None:
    """Apply every migration that the database lacks, or none; takes as long as it takes.

    Args:
        url: The database, in SQLAlchemy's form.

    Raises:
        DatabaseUnusable: As of ``migrate``.
    """
    # Not -m: Python would look for modules where the caller happens to be first, and anybody may have put some there.
    command = [sys.executable, "-P", "-c", _PROGRAM, str(Path(__file__).parents[2])]
    ended = subprocess.run(command, input=url, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode == UNUSABLE:
        raise DatabaseUnusable(ended.stdout)
    if ended.returncode:
        raise DatabaseUnusable(
            f"the database could not be brought up to date: the program that does so ended with status {ended.returncode}; "
            "nothing was changed in it; what it wrote before says why"
        )

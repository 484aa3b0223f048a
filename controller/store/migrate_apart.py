"""The program that brings a database up to date; ``up_to_date.py`` starts it."""

import sys

from controller.errors import DatabaseUnusable
from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.up_to_date import UNUSABLE


def main() -> int:
    """Migrate the database whose URL stands in the input: it may have a password, which a list of processes would show."""
    store = Store(sys.stdin.read())
    try:
        migrate(store)
    except DatabaseUnusable as error:
        sys.stdout.write(str(error))
        return UNUSABLE
    finally:
        store.close()
    return 0

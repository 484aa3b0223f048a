"""Which console has had which TCP port, kept over a restart of the controller: a file beside the consoles' logs, for the ports are this controller's.

What is lost with it is what ``port_numbers.py`` knows of the past: whoever still has an old address may come to another machine's console.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)

_MOST_BYTES = 4 << 20
"""All ports that there are need less; of a larger file the rest is not read, and what was is no JSON then."""


class NumberFile:
    """The file; one thread writes it."""

    def __init__(self, path: Path) -> None:
        """Read nothing yet."""
        self._path = path
        self._has_failed = False

    def read(self) -> dict[int, str]:
        """Return the owners' UUIDs by number, in the order in which the numbers were given; empty = there is no file that can be read."""
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(_MOST_BYTES))
            return {int(number): str(uuid) for number, uuid in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            log.warning(
                "the consoles' port numbers of before (%s) cannot be read, and begin anew: %s",
                self._path,
                error,
            )
            return {}

    def write(self, owners: Mapping[int, str]) -> None:
        """Replace the file; where that fails the log says it once, and the ports go on."""
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps({str(number): uuid for number, uuid in owners.items()}))
            new.replace(self._path)
        except OSError as error:
            if not self._has_failed:
                log.warning(
                    "the consoles' port numbers cannot be kept in %s: %s; after a restart they may be others",
                    self._path,
                    error,
                )
            self._has_failed = True
        else:
            self._has_failed = False

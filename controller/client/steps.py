"""The steps of a cleaning or a service, from the words of the command line. Reads files and asks nobody."""

import json
import sys
from pathlib import Path
from typing import Any

from controller.client.errors import ClientError


def read_steps(words: str) -> list[dict[str, Any]]:
    """Return the steps of ``--steps``: JSON text, ``-`` for standard input, or a file's name.

    Raises:
        ClientError: There is no such file, or what is in it is no list of objects.
    """
    is_text = words.lstrip().startswith(("[", "{"))
    text = words if is_text else _text_of(words)
    place = "--steps" if is_text else f"--steps {words}"
    try:
        steps = json.loads(text)
    except ValueError as error:
        raise ClientError(f"{place}: this is no JSON: {error}") from error
    steps = [steps] if isinstance(steps, dict) else steps
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ClientError(
            f'{place}: wanted is a list of steps, such as [{{"interface": "deploy", "step": "erase_devices"}}]'
        )
    return steps


def _text_of(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ClientError(f"--steps {name}: {reason}") from error

"""Rules that an administrator keeps in a file, beside those of the API: a JSON list, which is also YAML, as Ironic takes it.

They may have negative priorities and those above 9999, so that they come after or before all others. Source: Ironic's ``get_built_in_rules``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.protocol.foreign_text import UnfitDocument, read_document
from controller.errors import Invalid, SettingsError
from controller.workflow.inspection_rules.carrying_out import Rule
from controller.workflow.inspection_rules.form import actions, conditions

_MOST_BYTES = 1 << 20
_KEYS = frozenset(
    {"uuid", "description", "priority", "sensitive", "phase", "conditions", "actions"}
)


def built_in_rules(path: str) -> tuple[Rule, ...]:
    """Read the setting ``inspection_built_in_rules``; empty = there are none.

    Raises:
        SettingsError: The file cannot be read, or has something else than rules.
    """
    if not path:
        return ()
    where = f"setting inspection_built_in_rules: {path}"
    try:
        with Path(path).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{where} cannot be read: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise SettingsError(f"{where} has more than {_MOST_BYTES} bytes")
    try:
        document = read_document(text)
    except UnfitDocument as error:
        raise SettingsError(f"{where}: {error}; write a list of rules as JSON") from error
    if not isinstance(document, list):
        raise SettingsError(f"{where} must have a list of rules")
    try:
        return tuple(_rule(one, number) for number, one in enumerate(document))
    except Invalid as error:
        raise SettingsError(f"{where}: {error}") from error


def _rule(one: Any, number: int) -> Rule:
    where = f"rule {number + 1}"
    if not isinstance(one, Mapping) or not one.keys() <= _KEYS:
        raise Invalid(
            f"{where} must be an object with actions and no keys but {', '.join(sorted(_KEYS))}"
        )
    priority, sensitive = one.get("priority", 0), one.get("sensitive", False)
    if type(priority) is not int or type(sensitive) is not bool:
        raise Invalid(f"{where}: priority must be a whole number, and sensitive true or false")
    return Rule(
        uuid=str(one.get("uuid") or f"00000000-0000-0000-0000-{number:012x}"),
        description=one.get("description") and str(one["description"]),
        priority=priority,
        sensitive=sensitive,
        conditions=conditions(one.get("conditions", []), f"{where}: conditions"),
        actions=actions(one.get("actions"), f"{where}: actions"),
    )

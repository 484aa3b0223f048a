"""The steps that a client asks for: their form, before anybody knows which steps there are. Pure.

Source: Ironic's ``_STEPS_SCHEMA`` and ``DEPLOY_STEP_SCHEMA``.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from agent.protocol.foreign_text import clean_line
from controller.errors import Invalid
from controller.hardware.steps import Kind

INTERFACES: Mapping[str, int] = {
    "network": 8,
    "vendor": 7,
    "power": 6,
    "management": 5,
    "firmware": 4,
    "deploy": 3,
    "bios": 2,
    "raid": 1,
}
"""Kinds of interface that have steps; of steps with one priority that of the larger number runs first."""
_NOT_IN: Mapping[Kind, frozenset[str]] = {
    Kind.CLEAN: frozenset({"network"}),
    Kind.DEPLOY: frozenset({"network"}),
    Kind.SERVICE: frozenset(),
}
MOST_STEPS = 100
_MOST_DIGITS = 10


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of ``clean_steps``, ``service_steps`` or ``deploy_steps``."""

    interface: str
    step: str
    args: dict[str, Any] | None = None
    priority: int | str | None = None
    """Of deploy steps alone."""
    order: int | str | None = None
    execute_on_child_nodes: bool = False
    limit_child_node_execution: list[str] | None = None

    @property
    def id(self) -> str:
        """``<interface>.<step>``."""
        return f"{self.interface}.{self.step}"


def read_wishes(
    kind: Kind, documents: Sequence[Mapping[str, Any]], name: str = ""
) -> tuple[Wish, ...]:
    """Read what a client sent, in the order in which the steps are to run (``order``, else that of the list).

    Args:
        kind: The workflow.
        documents: The steps.
        name: Where they stand, for messages; empty = ``<kind>_steps``.

    Raises:
        Invalid: Names the place and the mistake.
    """
    name = name or f"{kind}_steps"
    if len(documents) > MOST_STEPS:
        raise Invalid(f"{name} has {len(documents)} steps; at most {MOST_STEPS} are taken")
    wishes = tuple(_read(kind, f"{name}[{n}]", one) for n, one in enumerate(documents))
    ordered = [wish for wish in wishes if wish.order is not None]
    if ordered and len(ordered) != len(wishes):
        raise Invalid(f"{name}: give order for every step, or for none")
    return tuple(sorted(wishes, key=lambda wish: int(wish.order or 0)))


def _read(kind: Kind, place: str, document: Mapping[str, Any]) -> Wish:
    try:
        wish = msgspec.convert(document, Wish)
    except msgspec.ValidationError as error:
        raise Invalid(f"{place}: {clean_line(error)}") from error
    possible = [name for name in INTERFACES if name not in _NOT_IN[kind]]
    if wish.interface not in possible:
        raise Invalid(
            f"{place}: interface {clean_line(wish.interface)!r} has no {kind} steps; possible: {', '.join(possible)}"
        )
    if not wish.step:
        raise Invalid(f"{place}: step is empty; give the name of a {kind} step")
    if kind is Kind.DEPLOY:
        _check_deploy_step(place, wish, document)
    elif wish.priority is not None:
        raise Invalid(f"{place}: {kind} steps run in the order of the list and take no priority")
    for key in ("priority", "order"):
        _check_number(f"{place}.{key}", getattr(wish, key))
    _check_children(place, wish)
    return wish


def _check_deploy_step(place: str, wish: Wish, document: Mapping[str, Any]) -> None:
    missing = sorted({"args", "priority"} - set(document))
    if missing or wish.priority is None or wish.args is None:
        raise Invalid(
            f"{place}: a deploy step lacks {', '.join(missing) or 'args or priority'}; it needs interface, step, args "
            "and priority"
        )
    if wish.order is not None:
        raise Invalid(f"{place}: deploy steps run by their priority and take no order")


def _check_number(place: str, value: int | str | None) -> None:
    if isinstance(value, str):
        # the length first: Python refuses to read very long numbers
        is_number = len(value) <= _MOST_DIGITS and value.isascii() and value.isdigit()
    else:
        is_number = True
    if value is not None and (not is_number or not 0 <= int(value) <= 10**9):
        raise Invalid(f"{place}: {clean_line(value)!r} is no whole number from 0 to 1000000000")


def _check_children(place: str, wish: Wish) -> None:
    for child in wish.limit_child_node_execution or ():
        try:
            UUID(child)
        except ValueError:
            raise Invalid(
                f"{place}: limit_child_node_execution has {clean_line(child)!r}, which is no UUID of a node"
            ) from None
    if wish.limit_child_node_execution and not wish.execute_on_child_nodes:
        raise Invalid(f"{place}: limit_child_node_execution needs execute_on_child_nodes: true")

"""Consoles and vendor methods of ``fake-hardware``: nothing is behind them. Source of the methods: Ironic's ``fake``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from controller.errors import Invalid
from controller.hardware.interface import Facts, PassthruMethod, accept


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeConsole:
    """Can be switched on and off; see :class:`controller.hardware.interface.ConsoleInterface`."""

    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept

    def start(self, facts: Facts) -> None:
        """Begin nothing."""

    def stop(self, facts: Facts) -> None:
        """End nothing."""

    def information(self, _facts: Facts) -> Mapping[str, Any]:
        """Return no address."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeVendor:
    """Compares words; see :class:`controller.hardware.interface.VendorInterface`."""

    methods: Mapping[str, PassthruMethod]
    properties: Mapping[str, str] = field(default_factory=dict)
    validate: Callable[[Facts], None] = accept


def _is_word(_facts: Facts, body: Mapping[str, Any], *, word: str, method: str) -> bool:
    if not body.get("bar"):
        raise Invalid(f"Parameter 'bar' not passed to method '{method}'.")
    return bool(body["bar"] == word)


def _compares(
    method: str, word: str, *, is_async: bool = True, exclusive: bool = True
) -> PassthruMethod:
    return PassthruMethod(
        http_methods=("POST",),
        description=f"Test if the value of bar is {word}",
        call=partial(_is_word, word=word, method=method),
        is_async=is_async,
        requires_exclusive_lock=exclusive,
    )


CONSOLE = FakeConsole()
VENDOR = FakeVendor(
    properties={
        "B1": "B1 description. Required.",
        "B2": "B2 description. Required.",
    },
    methods=MappingProxyType(
        {
            "second_method": _compares("second_method", "kazoo"),
            "third_method_sync": _compares("third_method_sync", "meow", is_async=False),
            "fourth_method_shared_lock": _compares(
                "fourth_method_shared_lock", "woof", exclusive=False
            ),
            "log_passthrough": PassthruMethod(
                http_methods=("POST",),
                description="Test pass-through to wait.",
                call=lambda _facts, _body: None,
            ),
        }
    ),
)

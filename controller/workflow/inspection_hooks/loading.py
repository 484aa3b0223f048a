"""Finds the inspection hooks that are installed, and those that the settings name, in their order."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from stevedore import ExtensionManager

from controller.errors import SettingsError
from controller.setting_words import words_of
from controller.workflow.inspection_hooks.hook import GROUP, Hook

_DEFAULTS = "$default_hooks"
DEFAULT_HOOKS = (
    *("ramdisk-error", "validate-interfaces", "ports", "architecture"),
    *("cpus", "memory", "root-device", "parse-lldp", "check-links"),
    "check-expected",
)
"""What ``$default_hooks`` stands for: the four of Ironic, and what a deployment needs to know of a machine."""


def hooks_of(text: str) -> Mapping[str, Hook]:
    """Read the setting ``inspection_hooks``.

    Raises:
        SettingsError: There is no such hook, it needs another one before it, or one cannot be loaded.
    """
    known, chosen = _installed(), dict[str, Hook]()
    for name in _names(text):
        if name not in known:
            possible = ", ".join(sorted(known))
            raise SettingsError(
                f"setting inspection_hooks: there is no {name}; possible: {possible}"
            )
        if missing := [one for one in known[name].after if one not in chosen]:
            raise SettingsError(
                f"setting inspection_hooks: {name} needs {', '.join(missing)} before it"
            )
        chosen[name] = known[name]
    return chosen


def without(hooks: Mapping[str, Hook], name: str) -> Mapping[str, Hook]:
    """Return the hooks but one, and those that need it before them."""
    gone, kept = {name}, dict[str, Hook]()
    for one, hook in hooks.items():
        if one in gone or not gone.isdisjoint(hook.after):
            gone.add(one)
        else:
            kept[one] = hook
    return kept


def _names(text: str) -> Iterator[str]:
    for word in words_of(text):
        yield from DEFAULT_HOOKS if word == _DEFAULTS else (word,)


@lru_cache(maxsize=1)
def _installed() -> Mapping[str, Hook]:
    manager: ExtensionManager[Any] = ExtensionManager(
        GROUP, invoke_on_load=False, on_load_failure_callback=_refuse
    )
    found: dict[str, Any] = {extension.name: extension.plugin for extension in manager}
    if wrong := [name for name, hook in found.items() if not isinstance(hook, Hook)]:
        raise SettingsError(f"the entry point {wrong[0]!r} of {GROUP} is no inspection hook")
    return found


def _refuse(_manager: object, entry_point: object, error: BaseException) -> None:
    name = getattr(entry_point, "name", "?")
    raise SettingsError(
        f"{name!r} of the entry point group {GROUP} cannot be loaded: {type(error).__name__}: {error}; repair or uninstall "
        "the package that offers it"
    ) from error

"""How the methods of a plug-in for ironic-python-agent become capabilities and steps of this agent."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from agent.errors import AgentError, Declined, EraseError, PluginError
from agent.hardware.capabilities import HardwareManager, Phase, Step, StepContext
from agent.hardware.devices import BlockDevice
from agent.hardware.erasing import EraseEvidence, EraseLevel, ErasePlan, EraseWish
from agent.hardware.tools import StepTools
from agent.protocol.steps import ArgInfo
from hardware_managers.ipa_compatibility import base_classes, errors, values
from hardware_managers.ipa_compatibility.native import native, working_in

_STRONGEST = 100
"""A site installs such a manager because it knows its disks: it is asked before the others."""
_LEVELS = "INGOT_ERASE_LEVELS"
"""Attribute of the plug-in's class: names of the levels that its ``erase_block_device`` reaches; without it ``clear`` alone."""


class PluginFailed(AgentError):
    """A plug-in for ironic-python-agent raised something."""


def adapt(plugin: base_classes.HardwareManager, support: int) -> HardwareManager:
    """Return what ``plugin`` offers; methods that it only inherits are left to this agent's managers."""
    version = plugin.get_version()
    return HardwareManager(
        name=str(version["name"]),
        version=str(version["version"]),
        support=support,
        disk_lister=_Disks(plugin) if _has(plugin, "list_block_devices") else None,
        disk_filter=_Filter(plugin) if _has(plugin, "filter_device") else None,
        erasers=(_Eraser(plugin),) if _has(plugin, "erase_block_device") else (),
        steps=_Steps(plugin),
    )


def _has(plugin: base_classes.HardwareManager, method: str) -> bool:
    """Say whether the plug-in brings ``method`` itself, and does not only inherit it."""
    bases = (base_classes.HardwareManager, base_classes.GenericHardwareManager)
    return all(getattr(type(plugin), method) is not getattr(base, method) for base in bases)


@contextmanager
def _foreign(plugin: base_classes.HardwareManager, method: str) -> Iterator[None]:
    """Turn what a plug-in raises into this agent's errors; whatever it is, it is reported with the plug-in's name."""
    what = f"{type(plugin).__name__}.{method}"
    try:
        yield
    except errors.IncompatibleHardwareMethodError as error:
        raise Declined(f"{what}: {error}") from error
    except AgentError:
        raise
    except Exception as error:
        raise PluginFailed(f"{what}: {type(error).__name__}: {error}") from error


class _Disks:
    """A plug-in that lists disks."""

    def __init__(self, plugin: base_classes.HardwareManager) -> None:
        self._plugin: Any = plugin

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """See ``DiskLister``."""
        disks = native().hardware().disks()
        with _foreign(self._plugin, "list_block_devices"):
            listed = {str(one.name) for one in self._plugin.list_block_devices()}
        unknown = listed - {str(disk.path) for disk in disks}
        if unknown:
            raise PluginError(
                f"{type(self._plugin).__name__} lists disks that the kernel does not show as whole disks: "
                f"{', '.join(sorted(unknown))}"
            )
        return tuple(disk for disk in disks if str(disk.path) in listed)


class _Filter:
    """A plug-in that hides disks."""

    def __init__(self, plugin: base_classes.HardwareManager) -> None:
        self._plugin: Any = plugin

    def keeps(self, disk: BlockDevice) -> bool:
        """See ``DiskFilter``."""
        with _foreign(self._plugin, "filter_device"):
            return self._plugin.filter_device(values.block_device(disk)) is not None


class _Eraser:
    """A plug-in that erases disks."""

    def __init__(self, plugin: base_classes.HardwareManager) -> None:
        self._plugin: Any = plugin

    def plans(self, disk: BlockDevice, wish: EraseWish) -> Sequence[ErasePlan]:
        """See ``DiskEraser``: whether it knows the disk, such a plug-in says only when it is told to erase it."""
        del wish
        named = getattr(self._plugin, _LEVELS, (EraseLevel.CLEAR,))
        what = f"{type(self._plugin).__name__}.erase_block_device"
        plan = ErasePlan(
            disk=disk,
            method=f"hardware manager for ironic-python-agent: {type(self._plugin).__name__}",
            command=what,
            levels=frozenset(EraseLevel(level) for level in named),
            strength=_STRONGEST,
        )
        return (plan,)

    def erase(self, plan: ErasePlan, tools: StepTools) -> EraseEvidence:
        """See ``DiskEraser``; its word is all the evidence there is, so that the read-back decides.

        Raises:
            Declined: Not a disk for this plug-in.
        """
        del tools
        try:
            with _foreign(self._plugin, "erase_block_device"):
                said = self._plugin.erase_block_device(
                    native().node, values.block_device(plan.disk)
                )
        except PluginFailed as error:
            raise EraseError(f"{plan.disk.path}: {error}") from error
        return EraseEvidence(
            disk=plan.disk,
            method=plan.method,
            detail=f"the plug-in reported success{f': {said}' if said else ''}",
        )


class _Steps:
    """A plug-in's steps, asked for anew for every node."""

    def __init__(self, plugin: base_classes.HardwareManager) -> None:
        self._plugin: Any = plugin

    def __call__(
        self, node: Mapping[str, Any], ports: Sequence[Mapping[str, Any]]
    ) -> Sequence[Step]:
        """See ``StepMaker``."""
        if node:
            native().node = node
        found: dict[tuple[str, str], Step] = {}
        for phase in Phase:
            method = f"get_{phase}_steps"
            if not _has(self._plugin, method):
                continue
            with _foreign(self._plugin, method):
                offered = getattr(self._plugin, method)(node, ports)
            for told in offered or ():
                step = self._step(phase, told)
                key = (step.interface, step.name)
                known = found.get(key)
                merged = (
                    step.priorities if known is None else {**known.priorities, **step.priorities}
                )
                found[key] = replace(known or step, priorities=merged)
        return tuple(found.values())

    def _step(self, phase: Phase, told: Mapping[str, Any]) -> Step:
        try:
            name = str(told["step"])
            args = {
                str(argument): ArgInfo(
                    description=str(info.get("description", "")),
                    required=bool(info.get("required", False)),
                )
                for argument, info in (told.get("argsinfo") or {}).items()
            }
            return Step(
                name=name,
                interface=str(told.get("interface", "deploy")),
                priorities={phase: int(told["priority"])},
                run=lambda context: self._run(name, context),
                reboot_requested=bool(told.get("reboot_requested", False)),
                abortable=bool(told.get("abortable", False)),
                args=args or None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PluginError(
                f"{type(self._plugin).__name__}: the {phase} step {told!r} cannot be read: {type(error).__name__}: {error}"
            ) from error

    def _run(self, name: str, context: StepContext) -> Any:
        method = getattr(self._plugin, name, None)
        if method is None:
            raise PluginError(
                f"{type(self._plugin).__name__} offers the step {name} and has no such method"
            )
        with working_in(context), _foreign(self._plugin, name):
            said = method(dict(context.node), list(context.ports), **context.args)
        return _plain(said)


def _plain(said: Any) -> Any:
    """Return a result as JSON has it."""
    if hasattr(said, "serialize"):
        return _plain(said.serialize())
    if isinstance(said, Mapping):
        return {str(key): _plain(value) for key, value in said.items()}
    if isinstance(said, list | tuple | set | frozenset):
        return [_plain(value) for value in said]
    return said if said is None or isinstance(said, str | int | float | bool) else str(said)

"""Every command of this agent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.commands.bootloader import Bootloader
from agent.commands.command import Command, catalogue
from agent.commands.identity import Identity
from agent.commands.iscsi import IscsiExport
from agent.commands.kexec import Kexec
from agent.commands.lockdown import Lockdown
from agent.commands.machine_info import MachineInfo
from agent.commands.rescue import Rescue
from agent.commands.standby import Standby
from agent.commands.steps import StepCommands
from agent.commands.system_logs import SystemLogs
from agent.commands.written_images import WrittenImages
from agent.hardware.registry import Hardware
from agent.system.power import PowerActions
from agent.system.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandDependencies:
    """What the commands work with."""

    hardware: Hardware
    runner: Runner
    power: PowerActions
    identity: Identity
    written: WrittenImages
    system_logs: SystemLogs
    rescue: Rescue
    lockdown: Lockdown
    announce_end: Callable[[float], None]
    hostname: str
    standalone: bool = False
    ignore_bootloader_failure: bool = False


def build_commands(deps: CommandDependencies) -> Mapping[str, Command]:
    """Return all commands by their full names."""
    bootloader = Bootloader(
        deps.hardware, deps.written, ignore_failure=deps.ignore_bootloader_failure
    )
    machine = MachineInfo(
        deps.hardware, deps.identity, hostname=deps.hostname, standalone=deps.standalone
    )
    return catalogue(
        [
            *Standby(deps.hardware, deps.power, deps.written, deps.identity).commands(),
            *IscsiExport(deps.hardware, deps.written, deps.identity, deps.runner).commands(),
            *StepCommands(deps.hardware, deps.written, deps.identity, deps.runner).commands(),
            *bootloader.commands(),
            *Kexec(deps.written, deps.runner, deps.power, deps.announce_end).commands(),
            *deps.system_logs.commands(),
            *machine.commands(),
            *deps.rescue.commands(),
            *deps.lockdown.commands(),
        ]
    )

"""The entry point: says whether this is an Acme server, and what we know better about it than the generic manager."""

from acme_hardware.disks import DisksWithoutServiceDisk
from acme_hardware.health import HealthCheck
from agent.errors import AgentError
from agent.hardware.capabilities import HardwareManager, Support
from agent.system.runner import Runner
from hardware_managers.generic.reading import probe as probe_generic

_NOT_OURS = 3
_TIMEOUT_S = 10


def probe(runner: Runner) -> HardwareManager | None:
    """Return the manager, or ``None`` on a machine that is not Acme's.

    Raises:
        AgentError: ``acmectl`` is missing or failed. This stops the agent, with the plug-in's name: a ramdisk that cannot
            tell must not go on as if there were no service disk.
    """
    said = runner.run("acmectl", "identify", ok=(0, _NOT_OURS), timeout_s=_TIMEOUT_S)
    if said.exit_code == _NOT_OURS:
        return None
    every_disk = probe_generic(runner).disk_lister
    if every_disk is None:
        raise AgentError("the generic hardware manager lists no disks; use one that fits")
    return HardwareManager(
        name="acme",
        version="1.0",
        support=Support.MAINLINE,
        disk_lister=DisksWithoutServiceDisk(runner, every_disk),
        steps=(HealthCheck(runner).step(),),
    )

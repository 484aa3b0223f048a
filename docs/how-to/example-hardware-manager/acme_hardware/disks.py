"""The disks of an Acme server, without the one that belongs to Acme."""

from agent.hardware.devices import BlockDevice
from agent.hardware.reading import DiskLister
from agent.system.runner import Runner

_TIMEOUT_S = 10


class DisksWithoutServiceDisk:
    """Hides the service disk: what is not listed is neither chosen for an image nor erased."""

    def __init__(self, runner: Runner, every_disk: DiskLister) -> None:
        self._runner = runner
        self._every_disk = every_disk

    def list_disks(self) -> tuple[BlockDevice, ...]:
        """See :class:`agent.hardware.reading.DiskLister`.

        Raises:
            CommandFailed: ``acmectl`` does not say which it is; rather no disks than one too many.
        """
        said = self._runner.run("acmectl", "service-disk", timeout_s=_TIMEOUT_S)
        service_disk = said.stdout.strip()
        return tuple(d for d in self._every_disk.list_disks() if str(d.path) != service_disk)

"""A partition to be as the pipeline sees it: a place on the whole disk, which has no table yet."""

from collections.abc import Callable

from agent.disks.layout import PlannedPartition
from agent.disks.open_disk import OpenDisk
from agent.errors import ImageError
from agent.images.flow.target import ImageTarget
from agent.images.proof.witness import Witness


class PartitionTarget(ImageTarget):
    """Receives the image of a root filesystem; ``unboot`` replaces the wiping of a disk whose table is kept."""

    def __init__(
        self,
        disk: OpenDisk,
        part: PlannedPartition,
        witness: Witness,
        unboot: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(disk, witness)
        self._part = part
        self._unboot = unboot
        if unboot is not None:
            self.left_as = "cannot boot; its partition table and ephemeral partition are as before"

    def make_unbootable(self) -> None:
        """See :class:`ImageTarget`."""
        if self._unboot is None:
            super().make_unbootable()
        else:
            self._unboot()

    def write(self, view: memoryview, start_byte: int) -> None:
        """See :class:`ImageTarget`; ``start_byte`` counts from the beginning of the partition."""
        self._check(start_byte + len(view))
        super().write(view, self._part.start_byte + start_byte)

    def zero(
        self, start_byte: int, end_byte: int, watch: Callable[[int], None] = lambda _done: None
    ) -> None:
        """See :class:`ImageTarget`; both places count from the beginning of the partition."""
        self._check(end_byte)
        base = self._part.start_byte
        super().zero(base + start_byte, base + end_byte, watch)

    def _check(self, end_byte: int) -> None:
        if end_byte > self._part.size_bytes:
            raise ImageError(
                f"the image is larger than its root partition on {self.disk.path}"
                f" ({self._part.size_bytes} bytes); raise root_gb"
            )

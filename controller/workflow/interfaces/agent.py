"""What the agent in the ramdisk does beside deployments: inspection, rescue, logical disks."""

from controller.hardware.interface import Facts, Plain


def _require_rescue_files(facts: Facts) -> None:
    facts.interfaces.boot.require_files(facts.node, facts.settings, is_rescue=True)


INSPECT = Plain(uses_ramdisk=True)
RESCUE = Plain(uses_ramdisk=True, validate=_require_rescue_files)
RAID = Plain(uses_ramdisk=True)

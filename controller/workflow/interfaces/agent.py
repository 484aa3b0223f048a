"""What the agent in the ramdisk does beside deployments: inspection, rescue, logical disks."""

from controller.hardware.interface import Facts, Plain
from controller.workflow.node_rules import require_raid_config


def _require_rescue_files(facts: Facts) -> None:
    facts.interfaces.boot.require_files(facts.node, facts.settings, is_rescue=True)


def _require_raid_config(facts: Facts) -> None:
    require_raid_config(facts.node.target_raid_config)


INSPECT = Plain(uses_ramdisk=True)
RESCUE = Plain(uses_ramdisk=True, validate=_require_rescue_files)
RAID = Plain(uses_ramdisk=True, validate=_require_raid_config)
FAKE_RAID = Plain(validate=_require_raid_config)

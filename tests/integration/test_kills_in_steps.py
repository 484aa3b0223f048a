"""The agent, the machine and the controller are killed in every kind of step, at every moment of it.

Nothing reports success that did not happen, nothing is done twice that was not asked for, the node says what happened, and normal verbs
bring it back. Everything is a process of its own: the real agent on loop devices, the real controller.
"""

from collections.abc import Iterator

import pytest

from tests.integration.kill_campaign import VICTIMS, run_case
from tests.integration.kill_ground import ground, one_ground
from tests.integration.kill_kinds import (
    CLEAN_KINDS,
    DEPLOY_KINDS,
    SERVICE_KINDS,
    VENDOR_RAID,
    Ground,
    Kind,
)

__all__ = ["ground", "one_ground"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
KINDS = (*CLEAN_KINDS, VENDOR_RAID, *DEPLOY_KINDS, *SERVICE_KINDS)
_QUICK = {
    ("erase_devices", "power", "middle"),
    ("erase_devices", "controller", "end"),
    ("erase_devices_metadata", "controller and agent", "told"),
    ("write_image", "agent", "middle"),
}


def _cases() -> Iterator[object]:
    for kind in KINDS:
        for moment in ("begin", "middle", "end", "told"):
            for victim in VICTIMS:
                if moment == "middle" and not kind.has_middle:
                    continue
                key = (kind.step, victim, moment)
                marks = () if key in _QUICK else (pytest.mark.long,)
                name = f"{kind.phase} {kind.step} {victim} {moment}".replace(" ", "-")
                yield pytest.param(kind, victim, moment, marks=marks, id=name)


@pytest.mark.parametrize(("kind", "victim", "moment"), list(_cases()))
def test_a_step_in_which_somebody_dies(
    ground: Ground, kind: Kind, victim: str, moment: str
) -> None:
    run_case(ground, kind, victim, moment)

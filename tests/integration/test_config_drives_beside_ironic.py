"""With which verbs, and in which versions, a config drive is taken: real Ironic's statuses."""

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
DRIVES: tuple[object, ...] = ("aGVsbG8=", {"meta_data": {}})
REFUSED: list[tuple[str, str, object, int]] = [
    *(("active", "available", {"meta_data": {}}, minor) for minor in (34, 35, 55)),
    *(("rebuild", "active", {"meta_data": {}}, minor) for minor in (34, 35, 55)),
    ("rebuild", "active", "aGVsbG8=", 34),
    *(("deleted", "active", drive, 115) for drive in DRIVES),
    *(("provide", "manageable", drive, 55) for drive in DRIVES),
]


@pytest.mark.parametrize(("target", "state", "drive", "minor"), REFUSED)
def test_what_is_refused(both: Beside, target: str, state: str, drive: object, minor: int) -> None:
    uuid = both.node(boot_interface="fake", deploy_interface="fake")
    both.set_node(uuid, provision_state=state, power_state="power off")
    body = {"target": target, "configdrive": drive}
    ours, theirs = both.ask("PUT", f"/v1/nodes/{uuid}/states/provision", body, minor=minor)
    assert ours.status == theirs.status == 400

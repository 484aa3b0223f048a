"""The verb adopt, ours and real Ironic's: from which states, since when, with what arguments it is taken."""

from itertools import product

import pytest

from controller.states import State
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)


def test_adopt_is_taken_in_the_same_states(both: Beside) -> None:
    found = []
    for state in sorted(State):
        node = both.node()
        both.set_node(node, provision_state=str(state))
        ours, theirs = both.ask("PUT", f"/v1/nodes/{node}/states/provision", {"target": "adopt"})
        if ours.status != theirs.status:
            found.append(f"{state}: {ours.status}, theirs {theirs.status}")
    assert not found


def test_adopt_is_as_old_and_takes_as_little(both: Beside) -> None:
    found = []
    bodies: tuple[dict[str, str], ...] = ({}, {"configdrive": "x"})
    for minor, body in product((1, 4, 16, 17, 115), bodies):
        node = both.node()
        both.set_node(node, provision_state="manageable")
        path = f"/v1/nodes/{node}/states/provision"
        ours, theirs = both.ask("PUT", path, {"target": "adopt"} | body, minor=minor)
        if ours.status != theirs.status:
            found.append(f"{body} at 1.{minor}: {ours.status}, theirs {theirs.status}")
    assert not found


@pytest.mark.parametrize("maintenance", [True, False])
def test_maintenance_does_not_keep_a_machine_from_being_adopted(
    both: Beside, maintenance: bool
) -> None:
    node = both.node()
    both.set_node(node, provision_state="manageable", maintenance=maintenance)
    ours, theirs = both.ask("PUT", f"/v1/nodes/{node}/states/provision", {"target": "adopt"})
    assert ours.status == theirs.status == 202

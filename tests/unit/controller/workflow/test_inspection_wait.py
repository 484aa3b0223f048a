"""When an inspection's result is waited for: also while the machine is switched on, and between two reads of one change."""

import pytest

from controller.store.tables import NODE, WORKFLOW, Node, Work
from controller.workflow import inspection


@pytest.mark.parametrize(
    ("state", "stage", "is_waited_for"),
    [
        ("inspect wait", "inspect.wait_for_agent", True),
        ("inspecting", "inspect.power_on", True),
        ("inspecting", "inspect.wait_for_agent", True),
        ("inspect wait", "inspect.power_on", True),
        ("inspecting", "inspect.power_off", False),
        ("inspecting", "inspect.last_power_off", False),
        ("manageable", None, False),
    ],
)
def test_a_result_is_waited_for(state: str, stage: str | None, is_waited_for: bool) -> None:
    node = Node(provision_state=state)
    if stage:
        node.work = Work(subject_kind=NODE, lane=WORKFLOW, stage=stage)
    assert inspection._is_waited_for(node) is is_waited_for

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.workflow.ownership import Controller, owner_of, why_nobody

NAMES = st.lists(
    st.text("abcdefgh-0123", min_size=1, max_size=8), min_size=2, max_size=6, unique=True
)
NODES = [f"node-{number}" for number in range(300)]


def controllers(names: list[str]) -> list[Controller]:
    return [Controller(hostname=name, hardware_types=frozenset({"ipmi"})) for name in names]


@given(NAMES)
def test_all_agree_whatever_the_order_and_every_node_has_an_owner(names: list[str]) -> None:
    one, other = controllers(names), controllers(names[::-1])
    for node in NODES[:50]:
        assert owner_of(node, "ipmi", "", one) == owner_of(node, "ipmi", "", other)
        assert owner_of(node, "ipmi", "", one) in names


@given(NAMES)
def test_a_controller_that_goes_moves_its_own_nodes_only(names: list[str]) -> None:
    before = {node: owner_of(node, "ipmi", "", controllers(names)) for node in NODES}
    after = {node: owner_of(node, "ipmi", "", controllers(names[1:])) for node in NODES}
    assert {node for node in NODES if before[node] != after[node]} == {
        node for node in NODES if before[node] == names[0]
    }


@given(NAMES)
def test_the_nodes_are_spread(names: list[str]) -> None:
    counts = Counter(owner_of(node, "ipmi", "", controllers(names)) for node in NODES)
    fair = len(NODES) / len(names)
    # Five standard deviations: a half of it, four of them, is met by chance in one of some dozen runs.
    assert all(fair / 3 < counts[name] < fair * 2 for name in names)


def test_driver_and_group_decide_who_may() -> None:
    living = [
        Controller(hostname="a", hardware_types=frozenset({"ipmi"})),
        Controller(hostname="b", hardware_types=frozenset({"ipmi"}), conductor_group="rack1"),
        Controller(hostname="c", hardware_types=frozenset({"other"})),
    ]
    assert owner_of("n", "ipmi", "", living) == "a"
    assert owner_of("n", "ipmi", "Rack1", living) == "b"
    assert owner_of("n", "other", "", living) == "c"
    assert owner_of("n", "other", "rack1", living) is None
    assert owner_of("n", "ipmi", "", []) is None
    assert "served by none of a, b, c" in why_nobody("x", "", living)
    assert "served by c, in another group" in why_nobody("other", "rack1", living)

"""Arguments that a request must not have, and odd values of those that it may: real Ironic's statuses."""

from collections.abc import Iterator

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
NODE = "/v1/nodes/{node}"
PERSISTENT: tuple[object, ...] = (0, 1, 2, -1, 1.0, "1", "2", "yes", None, [])
ODD: list[tuple[str, str, object]] = [
    ("DELETE", NODE + "?x=1", None),
    ("PATCH", NODE + "?x=1", [{"op": "add", "path": "/extra/a", "value": 1}]),
    ("POST", "/v1/nodes?x=1", {"driver": "fake-hardware"}),
    ("POST", "/v1/nodes", {"driver": "fake-hardware", "power_interface": ""}),
    ("POST", "/v1/ports?x=1", {"node_uuid": "{node}", "address": "52:54:00:00:bb:01"}),
    ("POST", "/v1/chassis?x=1", {"description": "d"}),
    ("PUT", NODE + "/maintenance", {"foo": 1}),
    ("PUT", NODE + "/maintenance", {"reason": "r", "foo": 1}),
    ("PUT", NODE + "/maintenance?foo=1", {"reason": "r"}),
    ("DELETE", NODE + "/maintenance?foo=1", None),
    ("PUT", NODE + "/traits", {"traits": ["CUSTOM_A"], "x": 1}),
    ("PUT", NODE + "/traits?x=1", {"traits": ["CUSTOM_A"]}),
    *(
        ("PUT", NODE + "/management/boot_device", {"boot_device": "pxe", "persistent": value})
        for value in PERSISTENT
    ),
    ("PUT", NODE + "/management/boot_device", {"boot_device": "pxe", "foo": 1}),
    ("PUT", NODE + "/management/boot_device?foo=1", {"boot_device": "pxe"}),
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("beside")) as pair:
        yield pair


def filled(value: object, node: str) -> object:
    if isinstance(value, dict):
        return {key: filled(one, node) for key, one in value.items()}
    return value.replace("{node}", node) if isinstance(value, str) else value


@pytest.mark.parametrize(("method", "path", "body"), ODD)
def test_the_status_is_ironics(both: Beside, method: str, path: str, body: object) -> None:
    node = both.node()
    both.set_node(node, provision_state="manageable", power_state="power off")
    ours, theirs = both.ask(method, path.replace("{node}", node), filled(body, node))
    assert ours.status == theirs.status, (ours.document, theirs.document)

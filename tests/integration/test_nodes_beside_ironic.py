"""Names, identifiers, filters and unchanged interfaces of nodes, ours and real Ironic's: the same requests, the same answers."""

from itertools import product

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
RESERVED = ("states", "maintenance", "management", "vendor_passthru", "detail", "validate")
NAMES = (*RESERVED, "States", "state", "-x", "..", "a_b~c", "a b", "ä", "", "x" * 255, "x" * 256)
KINDS = ("boot", "deploy", "management", "power", "network", "storage", "console", "vendor")
BELOW = ("", "/states", "/ports", "/validate", "/maintenance", "/traits", "/vifs", "/history")


def statuses(beside: Beside, method: str, path: str, body: object = None, minor: int = 115) -> None:
    """Compare the statuses alone."""
    ours, theirs = beside.ask(method, path, body, minor=minor)
    if ours.status != theirs.status:
        beside.differences.append(
            f"{method} {path} {body} at 1.{minor}: {ours.status}, theirs {theirs.status}"
        )


def test_the_same_names_are_taken(beside: Beside) -> None:
    node = beside.node()
    for name in NAMES:
        body = {"uuid": beside.uuid(), "driver": "fake-hardware", "name": name}
        statuses(beside, "POST", "/v1/nodes", body)
        statuses(beside, "DELETE", f"/v1/nodes/{body['uuid']}")
        for op in ("add", "replace"):
            patch = [{"op": op, "path": "/name", "value": name}]
            statuses(beside, "PATCH", f"/v1/nodes/{node}", patch)


def test_what_is_neither_a_uuid_nor_a_name_is_refused_everywhere(beside: Beside) -> None:
    for ident, below in product(("a b", "%00", "a%0Ab", "ä", "x" * 256, "nope", "a"), BELOW):
        if below != "/maintenance":
            statuses(beside, "GET", f"/v1/nodes/{ident}{below}")
    for ident in ("a b", "nope"):
        statuses(beside, "DELETE", f"/v1/nodes/{ident}")
        statuses(beside, "PATCH", f"/v1/nodes/{ident}", [])
        statuses(beside, "PUT", f"/v1/nodes/{ident}/states/power", {"target": "power on"})
        statuses(beside, "PUT", f"/v1/nodes/{ident}/states/provision", {"target": "manage"})


def test_an_available_node_has_no_state_before_its_name_came(beside: Beside) -> None:
    node = beside.node()
    for state, minor in product(("available", "enroll", "active"), (1, 2, 115)):
        beside.set_node(node, provision_state=state)
        for path in (f"/v1/nodes/{node}", f"/v1/nodes/{node}/states"):
            ours, theirs = beside.ask("GET", path, minor=minor)
            assert ours.document["provision_state"] == theirs.document["provision_state"], minor
    beside.set_node(node, provision_state="enroll")


def test_an_instance_is_looked_for_by_its_uuid(beside: Beside) -> None:
    instance = beside.uuid()
    beside.node(instance_uuid=instance)
    for text in (instance, instance.upper(), "", "x", beside.uuid()):
        statuses(beside, "GET", f"/v1/nodes?instance_uuid={text}")
        statuses(beside, "GET", f"/v1/nodes/detail?instance_uuid={text}")


def test_an_interface_that_stays_the_same_can_be_set_in_any_state(beside: Beside) -> None:
    node = beside.node()
    for state in ("available", "active", "deploy failed"):
        beside.set_node(node, provision_state=state)
        ours, theirs = beside.ask("GET", f"/v1/nodes/{node}")
        for kind in KINDS:
            name = f"{kind}_interface"
            if ours.document[name] != theirs.document[name]:
                continue  # the default is another one
            for op in ("add", "replace"):
                patch = [{"op": op, "path": f"/{name}", "value": ours.document[name]}]
                statuses(beside, "PATCH", f"/v1/nodes/{node}", patch)
                statuses(beside, "PATCH", f"/v1/nodes/{node}", [{**patch[0], "value": "nope"}])

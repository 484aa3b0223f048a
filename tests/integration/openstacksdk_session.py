"""What openstacksdk does to one node, run in its own environment: ``openstacksdk_session.py URL``; prints JSON."""

import json
import sys

import openstack  # type: ignore[import-not-found,unused-ignore]

connection = openstack.connection.Connection(
    auth_type="none", endpoint=sys.argv[1], baremetal_endpoint_override=f"{sys.argv[1]}/"
)
baremetal = connection.baremetal
seen: dict[str, object] = {"drivers": sorted(driver.name for driver in baremetal.drivers())}

node = baremetal.create_node(
    driver="fake-hardware",
    name="sdk~1",
    provision_state="manageable",
    automated_clean=False,
    driver_info={"ipmi_password": "geheim"},
)
seen["created"] = [node.provision_state, node.driver_info]
port = baremetal.create_port(address="52:54:00:00:01:01", node_id=node.id)
seen["port"] = [port.address, port.node_id == node.id]
node = baremetal.set_node_provision_state(node, "provide", wait=True, timeout=60)
seen["provided"] = node.provision_state
node = baremetal.update_node(node, instance_info={"image_source": "http://x"}, extra={"a": 1})
seen["updated"] = [node.instance_info, node.extra]
seen["power"] = baremetal.validate_node(node, required=("power",))["power"].result
baremetal.set_node_maintenance(node, "fan")
seen["maintenance"] = baremetal.get_node("sdk~1").maintenance_reason
baremetal.unset_node_maintenance(node)
baremetal.set_node_power_state(node, "power on", wait=True, timeout=60)
seen["powered"] = baremetal.get_node(node.id).power_state
baremetal.set_node_boot_device(node, "disk", persistent=True)
seen["boot_device"] = baremetal.get_node_boot_device(node)
baremetal.add_node_trait(node, "CUSTOM_FAST")
seen["traits"] = baremetal.get_node(node.id).traits
seen["listed"] = [one.name for one in baremetal.nodes(details=True, limit=1)]
seen["empty"] = [
    list(baremetal.allocations()),
    list(baremetal.port_groups()),
    list(baremetal.deploy_templates()),
    list(baremetal.chassis()),
    baremetal.list_node_vifs(node),
]
baremetal.update_node(node.id, network_interface="flat")
baremetal.attach_vif_to_node(node, "vif-1")
seen["vifs"] = [
    baremetal.list_node_vifs(node),
    *(baremetal.detach_vif_from_node(node, "vif-1") for _ in range(2)),
]
try:
    baremetal.get_node_inventory(node)
except openstack.exceptions.NotFoundException as error:
    seen["inventory"] = str(error)
baremetal.delete_port(port)
baremetal.delete_node(node)
seen["left"] = [one.name for one in baremetal.nodes()]
sys.stdout.write(json.dumps(seen))

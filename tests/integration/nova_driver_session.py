"""What Nova's own ``IronicDriver`` does to nodes, run in Nova's environment: ``nova_driver_session.py URL NODE...``; prints JSON.

``--only CALL...`` makes these calls alone, in the order given: instances have the same names in every session, so a life can go on
in the next one, as after a restart of the compute service.

The driver is Nova's, unmodified. What a compute service has beside it (its database of services and instances, its network
service) is stood in for by objects of Nova's own classes; nothing of the driver or of its client library is replaced.
One entry per call: its result, or the class of the error and its words.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock
from uuid import UUID, uuid5

from nova import conf, context, objects  # type: ignore[import-not-found,unused-ignore]
from nova.compute import (  # type: ignore[import-not-found,unused-ignore]
    power_state,
    provider_tree,
    task_states,
    vm_states,
)
from nova.network import model  # type: ignore[import-not-found,unused-ignore]
from nova.virt.ironic import driver  # type: ignore[import-not-found,unused-ignore]

HOST = "compute-1"
IMAGE = "1e3ecd8b-0b8b-4a0c-8b0a-6f0c1e2d3c4b"
NAMES = UUID("8d7c0a52-9f0e-4c1c-9c53-7b1f5f2d3c11")


def configure(url: str) -> None:
    """Point Nova's settings at one bare-metal service without authentication."""
    conf.CONF([], project="nova", default_config_files=[])
    for name, value in {
        "auth_type": "none",
        "endpoint_override": url,
        "api_retry_interval": 1,
        "api_max_retries": 30,
        "serial_console_state_timeout": 5,
        "vnc_console_state_timeout": 5,
    }.items():
        conf.CONF.set_override(name, value, group="ironic")
    conf.CONF.set_override("host", HOST)
    objects.register_all()


def kind_of(flavor: Mapping[str, object]) -> Any:
    """Return what kind of machine an instance wants, a ``Flavor``; its class is there after ``register_all`` only."""
    return objects.Flavor(
        id=1,
        flavorid="1",
        name="metal",
        memory_mb=1024,
        vcpus=2,
        root_gb=10,
        ephemeral_gb=0,
        swap=0,
        vcpu_weight=0,
        rxtx_factor=1.0,
        extra_specs={"resources:CUSTOM_METAL": "1", **flavor},
        projects=[],
    )


def server(name: str, node: str, **flavor: object) -> objects.Instance:
    """Return an instance that shall run on a node."""
    return objects.Instance(
        context=context.get_admin_context(),
        id=1,
        uuid=str(uuid5(NAMES, name)),
        display_name=name,
        hostname=name,
        host=HOST,
        node=node,
        user_id="user",
        project_id="project",
        image_ref=IMAGE,
        flavor=kind_of(flavor),
        system_metadata={},
        metadata={},
        config_drive="True",
        vm_state=vm_states.BUILDING,
        task_state=task_states.SPAWNING,
        power_state=power_state.NOSTATE,
        launch_index=0,
        reservation_id="r-1",
        key_name=None,
        key_data=None,
        keypairs=objects.KeyPairList(objects=[]),
        availability_zone="nova",
        user_data=None,
        root_device_name="/dev/sda",
        default_ephemeral_device=None,
        default_swap_device=None,
        kernel_id="",
        ramdisk_id="",
        ec2_ids=objects.EC2Ids(instance_id="i-1", ami_id="ami-1", kernel_id=None, ramdisk_id=None),
        security_groups=objects.SecurityGroupList(objects=[]),
        device_metadata=None,
        trusted_certs=None,
        numa_topology=None,
        info_cache=objects.InstanceInfoCache(network_info=model.NetworkInfo()),
    )


def let_in(one: objects.Instance, public_key: str) -> None:
    """Give an instance the key of its user."""
    one.key_name, one.key_data = "lab", public_key
    pair = objects.KeyPair(name="lab", type="ssh", public_key=public_key, user_id=one.user_id)
    one.keypairs = objects.KeyPairList(objects=[pair])


def interface(number: int) -> model.VIF:
    """Return a network interface of an instance, as Nova's network service describes it."""
    return model.VIF(
        id=str(uuid5(NAMES, f"vif-{number}")),
        address=f"52:54:00:77:00:{number:02x}",
        network=model.Network(id="net", bridge="br", label="net", subnets=[]),
        type="other",
    )


Call = tuple[str, Callable[[], object]]


class Life:
    """Two instances on two nodes, and what Nova asks its driver to do to them."""

    def __init__(self, it: driver.IronicDriver, nodes: Sequence[str], image: str) -> None:
        """Think of the instances."""
        self.it = it
        self.nodes = nodes
        self.context = context.get_admin_context()
        self.first = server("first", nodes[0], **{"trait:CUSTOM_FAST": "required"})
        self.second = server("second", nodes[-1])
        self.image = objects.ImageMeta(id=image, properties=objects.ImageMetaProps(), name="image")
        self.vifs = model.NetworkInfo([interface(1)])

    def providers(self) -> object:
        """Tell placement of the first node."""
        tree = provider_tree.ProviderTree()
        tree.new_root(self.nodes[0], self.nodes[0])
        self.it.update_provider_tree(tree, self.nodes[0])
        data = tree.data(self.nodes[0])
        return [data.inventory, sorted(data.traits)]

    def spawn(self) -> object:
        """Deploy the first instance, with a config drive."""
        words = {"network_info": self.vifs}
        return self.it.spawn(self.context, self.first, self.image, [], "password", {}, **words)

    def rebuild(self, **words: object) -> object:
        """Deploy it again."""
        self.first.task_state = task_states.REBUILDING
        about: tuple[object, ...] = (
            self.context,
            self.first,
            self.image,
            [],
            "password",
            {},
            [],
            None,
            None,
        )
        return self.it.rebuild(*about, network_info=self.vifs, **words)

    def state(self) -> object:
        """Return the power state of the first instance, as Nova counts it."""
        return self.it.get_info(self.first, use_cache=False).state

    def before(self) -> list[Call]:
        """Look at nodes that nobody has taken, and take one."""
        it, nodes, first = self.it, self.nodes, self.first
        return [
            ("init_host", lambda: it.init_host(HOST)),
            ("get_available_nodes", lambda: sorted(it.get_available_nodes()) == sorted(nodes)),
            ("get_nodenames_by_uuid", lambda: len(it.get_nodenames_by_uuid())),
            ("node_is_available", lambda: it.node_is_available(nodes[0])),
            ("node_is_available, a stranger", lambda: it.node_is_available(str(NAMES))),
            ("is_node_deleted", lambda: it.is_node_deleted(nodes[0])),
            ("is_node_deleted, a stranger", lambda: it.is_node_deleted(str(NAMES))),
            ("get_available_resource", lambda: it.get_available_resource(nodes[0])["stats"]),
            ("update_provider_tree", self.providers),
            ("instance_exists, before", lambda: it.instance_exists(first)),
            ("prepare_for_spawn", lambda: it.prepare_for_spawn(first)),
            ("prepare_for_spawn, taken", lambda: it.prepare_for_spawn(server("third", nodes[0]))),
            (
                "prepare_networks_before_block_device_mapping",
                lambda: it.prepare_networks_before_block_device_mapping(first, self.vifs),
            ),
            ("get_volume_connector", lambda: it.get_volume_connector(first)),
        ]

    def running(self) -> list[Call]:
        """Deploy the first instance and do to it what can be done to one that runs."""
        it, ctxt, first, vifs, image = self.it, self.context, self.first, self.vifs, self.image
        more = interface(2)
        return [
            ("spawn", self.spawn),
            ("instance_exists", lambda: it.instance_exists(first)),
            ("get_info", self.state),
            ("list_instance_uuids", lambda: it.get_available_nodes() and it.list_instance_uuids()),
            ("get_num_instances", it.get_num_instances),
            ("attach_interface", lambda: it.attach_interface(ctxt, first, image, more)),
            ("attach_interface, again", lambda: it.attach_interface(ctxt, first, image, more)),
            ("detach_interface", lambda: it.detach_interface(ctxt, first, more)),
            ("detach_interface, again", lambda: it.detach_interface(ctxt, first, more)),
            ("plug_vifs", lambda: it.plug_vifs(first, vifs)),
            ("reboot, soft", lambda: it.reboot(ctxt, first, vifs, "SOFT")),
            ("reboot, hard", lambda: it.reboot(ctxt, first, vifs, "HARD")),
            ("power_off, soft", lambda: it.power_off(first, timeout=30)),
            ("get_info, off", self.state),
            ("power_on", lambda: it.power_on(ctxt, first, vifs)),
            ("power_off", lambda: it.power_off(first)),
            ("power_on, again", lambda: it.power_on(ctxt, first, vifs)),
            ("trigger_crash_dump", lambda: it.trigger_crash_dump(first)),
            ("get_serial_console", lambda: it.get_serial_console(ctxt, first)),
            ("get_vnc_console", lambda: it.get_vnc_console(ctxt, first)),
            ("rescue", lambda: it.rescue(ctxt, first, vifs, image, "geheim", None, None)),
            ("unrescue", lambda: it.unrescue(ctxt, first)),
            ("rebuild", self.rebuild),
            ("rebuild, ephemeral kept", lambda: self.rebuild(preserve_ephemeral=True)),
        ]

    def after(self) -> list[Call]:
        """Destroy the first instance, and give the second up before it was made."""
        it, ctxt, first, vifs, second = self.it, self.context, self.first, self.vifs, self.second
        return [
            ("unplug_vifs", lambda: it.unplug_vifs(first, vifs)),
            ("destroy", lambda: it.destroy(ctxt, first, vifs)),
            ("destroy, again", lambda: it.destroy(ctxt, first, vifs)),
            ("instance_exists, after", lambda: it.instance_exists(first)),
            ("get_info, after", self.state),
            ("prepare_for_spawn, second", lambda: it.prepare_for_spawn(second)),
            ("clean_networks_preparation", lambda: it.clean_networks_preparation(second, vifs)),
            ("failed_spawn_cleanup", lambda: it.failed_spawn_cleanup(second)),
            ("instance_exists, second", lambda: it.instance_exists(second)),
        ]


def outcome(call: Callable[[], object]) -> dict[str, object]:
    """Carry out one call."""
    try:
        return {"gives": call()}
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is what is looked at
        return {"raises": type(error).__name__, "words": str(error)[:500]}


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("nodes", nargs="+", metavar="node")
    parser.add_argument("--image", default=IMAGE, help="UUID of what is deployed")
    parser.add_argument("--public-key", help="who is let into the first instance")
    parser.add_argument("--only", nargs="+", metavar="call")
    return parser.parse_args()


def main(wanted: argparse.Namespace) -> None:
    """Do it all, or what is wanted, and print what came of it."""
    configure(wanted.url)
    services = [objects.Service(host=HOST, binary="nova-compute", disabled=False)]
    up = mock.Mock(service_is_up=lambda _service: True)
    with (
        mock.patch.object(
            objects.ServiceList, "get_all_computes_by_hv_type", return_value=services
        ),
        mock.patch.multiple(
            objects.Instance,
            refresh=mock.Mock(),
            save=lambda one, **_more: one.obj_reset_changes(),
            get_bdms=lambda _one: objects.BlockDeviceMappingList(objects=[]),
        ),
        mock.patch.object(
            objects.InstanceList, "get_uuids_by_host", return_value=[str(uuid5(NAMES, "first"))]
        ),
        mock.patch.object(driver.servicegroup, "API", return_value=up),
        mock.patch.object(
            driver.instance_metadata.security_group_api,
            "get_instance_security_groups",
            return_value=[],
        ),
    ):
        life = Life(driver.IronicDriver(mock.Mock()), wanted.nodes, wanted.image)
        if wanted.public_key:
            let_in(life.first, wanted.public_key)
        calls = dict((*life.before(), *life.running(), *life.after()))
        names = wanted.only or list(calls)
        sys.stdout.write(json.dumps({name: outcome(calls[name]) for name in names}))


main(asked())

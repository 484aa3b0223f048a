"""Which ports may be in which port group, and what of either may change then; the rules are Ironic's.

One is ours: a port stays in a group of its own node, also when it is patched.
"""

from controller.api.access.sight import see_portgroup
from controller.api.resource.of_node import node_after
from controller.api.resource.rules import Change
from controller.errors import Conflict, Invalid, NotFound
from controller.states import State
from controller.store.portgroups import Portgroup, ports_in
from controller.workflow.vif_places import vif_of
from controller.workflow.vifs import keeps_vifs

_GROUP_NETWORK_SINCE = 102
_INSPECT_WAIT_SINCE = 39
_MAY_MOVE = (State.ENROLL, State.INSPECTING, State.INSPECT_WAIT, State.MANAGEABLE)


def join_group(change: Change) -> None:
    """Check the group of a new port.

    Raises:
        Invalid: There is no such group, or it is another node's.
        Conflict: Its ports do not boot from the network, or are on another physical network.
    """
    port = change.row
    if port.portgroup_uuid is None:
        return
    group = _group_of_node(change, port.portgroup_uuid, port.node_id)
    boots = "pxe_enabled" in change.changed and port.pxe_enabled
    if boots and not group.standalone_ports_supported:
        raise _not_standalone(group, port.uuid, "pxe_enabled is true")
    _agree_on_network(change, group, port.physical_network)


def stay_in_group(change: Change) -> None:
    """Check what a patch makes of a port and its group.

    Raises:
        Invalid: There is no such group, it is another node's, or it is the group whose physical network changes.
        Conflict: As :func:`join_group`.
    """
    port, values = change.row, change.values
    uuid = values.get("portgroup_uuid", port.portgroup_uuid)
    if uuid is None:
        return
    node = node_after(change)
    group = _group_of_node(change, uuid, node.id)
    if "physical_network" in values and change.call.minor >= _GROUP_NETWORK_SINCE:
        raise Invalid(
            f"physical_network of port {port.uuid} cannot be changed while it is in portgroup {uuid}; change the portgroup's"
        )
    if change.changed & {"portgroup_uuid", "physical_network"}:
        _agree_on_network(change, group, values.get("physical_network", port.physical_network))
    if group.standalone_ports_supported or not keeps_vifs(change.call.services, node):
        return
    if vif := vif_of(port):
        raise _not_standalone(group, port.uuid, f"VIF {vif} is attached to the port")
    is_asked = bool(change.changed & {"pxe_enabled", "portgroup_uuid"})
    if is_asked and values.get("pxe_enabled", port.pxe_enabled):
        raise _not_standalone(group, port.uuid, "pxe_enabled is true")


def change_group(change: Change) -> None:
    """Check what a patch makes of a group, and bring its ports to its physical network.

    Raises:
        Invalid: It has ports and moves to another node.
        Conflict: The state of its node does not allow it, or its ports do not.
    """
    refuse_while_inspecting(change)
    group, ports = change.row, ports_in(change.session, change.row.uuid)
    node = node_after(change)
    if "node_uuid" in change.changed:
        if node.provision_state not in _MAY_MOVE and not node.maintenance:
            raise Conflict(
                f"Portgroup {group.uuid} can not be associated to node {node.uuid} unless it is in one of these states: "
                f"{', '.join(_MAY_MOVE)} or in maintenance mode; its state is {node.provision_state}"
            )
        refuse_group_with_ports(change)
    if change.values.get("standalone_ports_supported") is False and keeps_vifs(
        change.call.services, node
    ):
        for port in ports:
            vif = vif_of(port)
            if vif or port.pxe_enabled:
                why = f"VIF {vif} is attached to it" if vif else "pxe_enabled is true"
                raise _not_standalone(group, port.uuid, why)
    if "physical_network" in change.values:
        for port in ports:
            port.physical_network = change.values["physical_network"]
            port.updated_at = change.call.services.clock()


def refuse_group_with_ports(change: Change) -> None:
    """Keep a group that has ports.

    Raises:
        Invalid: It has some.
    """
    if ports_in(change.session, change.row.uuid):
        raise Invalid(
            f"Cannot complete the requested action because portgroup {change.row.uuid} contains ports; take them out first "
            "(PATCH of their portgroup_uuid)"
        )


def refuse_while_inspecting(change: Change) -> None:
    """Keep what an inspection is about to find; before version 1.39 Ironic knew no other state of it.

    Raises:
        Conflict: The item's node is being inspected.
    """
    node = node_after(change)
    if node.provision_state == State.INSPECTING and change.call.minor >= _INSPECT_WAIT_SINCE:
        raise Conflict(
            f"Cannot update {change.row.uuid} of node {node.uuid} while it is in state {State.INSPECTING}; wait for the end of "
            "the inspection"
        )


def _group_of_node(change: Change, uuid: str, node_id: int) -> Portgroup:
    try:
        with change.session.no_autoflush:
            group = see_portgroup(change.call, change.session, uuid)
    except NotFound as error:
        raise Invalid(str(error)) from error
    if group.node_id != node_id:
        raise Invalid(f"A port can not be in portgroup {uuid}, which belongs to a different node")
    return group


def _agree_on_network(change: Change, group: Portgroup, wanted: str | None) -> None:
    """Have all ports of a group on one physical network; the first one brings its own.

    Raises:
        Conflict: The others are on another one.
    """
    others = [one for one in ports_in(change.session, group.uuid) if one.uuid != change.row.uuid]
    if not others and group.physical_network is None:
        if wanted is not None:
            group.physical_network = wanted
            group.updated_at = change.call.services.clock()
        return
    known = {one.physical_network for one in others} or {group.physical_network}
    if known != {wanted}:
        found = ", ".join(sorted(str(one) for one in known))
        raise Conflict(
            f"Port {change.row.uuid} with physical network {wanted} cannot become a member of portgroup {group.uuid} which has "
            f"ports in physical network {found}"
        )


def _not_standalone(group: Portgroup, port_uuid: str, why: str) -> Conflict:
    return Conflict(
        f"Portgroup {group.uuid} doesn't support standalone ports, and port {port_uuid} would be one: {why}"
    )

"""The stages that move a machine's ports between networks, while it is off (or must stay on); nodes without switches pass them over.

Each may run again from its start: what is so already is not touched. A node whose turn it is not yet waits without a thread.
"""

from collections.abc import Mapping
from functools import partial

from controller.errors import SwitchBusy
from controller.store.tables import Node
from controller.workflow.networks.move import check, connects, is_in_place, move
from controller.workflow.networks.plan import Attachment, Moment
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage, To, Workflow
from controller.workflow.stages.medium import eject_stage

_AGAIN_S = 1.0
SETTLE = "network.settle"
"""Stage that a request holds a node in while it moves the ports of a machine in use; if the controller dies, they are put where the database says."""
CONNECTED = "connected"
"""Key of a work's data: the instance's networks have been set by this workflow."""


def connect_stage(name: str, moment: Moment, then: To) -> Mapping[str, Stage]:
    """Return the stages that move a machine's ports to the networks of a moment, and take the image away that it booted before.

    Args:
        name: Of the stage.
        moment: Where they go.
        then: Where it leads.
    """
    needed = _is_unconnected if moment is Moment.TENANT else connects
    return {
        name: Stage(
            run=partial(connect, moment=moment),
            ways={"done": To(stage=f"{name}.eject_medium")},
            timeout_s=lambda settings: settings.switch_turn_timeout_s,
            is_needed=needed,
        ),
        **eject_stage(f"{name}.eject_medium", then, keeps_instance=moment is Moment.TENANT),
    }


def connect(context: Context, *, moment: Moment) -> Outcome:
    """Move the ports.

    Raises:
        Invalid: The plan lacks something; nothing was changed.
        SwitchError: A switch refuses, or says something else than it was told.
    """
    try:
        moved = move(context.services, context.node, moment)
    except SwitchBusy as error:
        return stay(
            context.services.paces.boots.pause_s(_AGAIN_S),
            waiting_for=f"{context.label}: {error}",
            advice="see which node is at it (its stage ends in connect or disconnect), and whether the switch answers",
        )
    warnings = (Note(kind="network", message=text, severity="WARNING") for text in moved.warnings)
    notes = tuple(
        Note(kind="network", message=_told(one), data={"network": one.network})
        for one in moved.changed
    )
    is_tenant = moment is Moment.TENANT
    return leave(
        ports=moved.ports,
        data={CONNECTED: True if is_tenant else None},
        notes=(*notes, *warnings),
    )


def check_networks(context: Context, moment: Moment) -> None:
    """Check, before a machine is touched, that its ports could be moved.

    Raises:
        Invalid: They could not.
    """
    if connects(context.services, context.node):
        with context.services.store.read() as session:
            check(context.services, session, context.node, moment)


def other_network(context: Context, moment: Moment) -> str | None:
    """Return why a machine cannot stay as it is at a moment; ``None`` = its ports need not be moved for that."""
    services, node = context.services, context.node
    if not connects(services, node) or is_in_place(services, node, moment):
        return None
    return f"its ports have to be moved to the {moment} network"


def _told(one: Attachment) -> str:
    wanted = "no VLAN" if one.wanted is None else str(one.wanted)
    return f"{one} was set to {one.network}: {wanted}"


def _is_unconnected(services: Services, node: Node) -> bool:
    done = node.work is not None and node.work.data.get(CONNECTED)
    return not done and connects(services, node)


STAGES: Mapping[str, Stage] = {
    SETTLE: Stage(
        run=partial(connect, moment=Moment.TENANT),
        ways={"done": To(stage=None)},
        timeout_s=lambda settings: settings.switch_turn_timeout_s,
    )
}
WORKFLOWS: Mapping[str, Workflow] = {
    "network": Workflow(title="moving ports between networks", fails_with=None)
}

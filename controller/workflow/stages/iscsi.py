"""The deploy interface ``iscsi``: the agent exports the disk, an image writer of this controller writes it, the agent ends the export.

Nothing of a write is left between two states: the login of an export is in no database, only in the writer's memory. A controller that
did not start the writer, or has been restarted since, has the agent end the export, by which the other writer is cut off, and begins
again from the first byte, with another login.
"""

import logging
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select

from agent.protocol.foreign_text import clean_line
from agent.protocol.image import ImageInfo
from agent.protocol.lun_writing import START, STOP, Export, Login, WriteOrder, WriteReport
from controller.errors import AgentRefused, ControllerError, StepFailed, StepUnfinished
from controller.states import Event
from controller.store.still_held import require_held
from controller.store.tables import Work
from controller.workflow import receipts
from controller.workflow.limits import moved
from controller.workflow.machine import agent_of
from controller.workflow.node_image import image_for_agent
from controller.workflow.node_secrets import secrets_of
from controller.workflow.outcome import Note, Outcome, leave, stay
from controller.workflow.services import Services
from controller.workflow.stage import Context, Stage, To, leaves_by
from controller.workflow.stages.orders import ask

log = logging.getLogger(__name__)
_WORKFLOW = "deploy"
WRITER = "lun_writer"
"""Key of a work's data: the name of the writer, unknown to other processes than the one that started it."""
_BEGUN = "lun_writes"
"""Key of a work's data: how often the write was begun."""
_MOST_BEGUN = 3
_SEEN = "_seen"
_STEP = "write_image"
_TARGET = "iqn.2008-10.org.openstack:{uuid}"
"""Ironic's."""
_INITIATOR = "iqn.2008-10.org.openstack:{uuid}.conductor"
_SECRET_BYTES = 16
_LOOK_S = 2.0
_ADVICE = (
    "look at the machine's console, the image's server and the network between them and this controller, and raise"
    " iscsi_silence_timeout_s if they only need longer"
)
_CALLS = 3
"""What a stage may make; these make one."""


def iscsi_stages(then: To) -> Mapping[str, Stage]:
    """Return the stages ``deploy.iscsi.*``, of which ``begin`` is the first; a written disk leads to ``then``."""
    at = f"{_WORKFLOW}.iscsi"
    return {
        f"{at}.begin": Stage(run=begin, ways={"done": To(stage=f"{at}.export", event=Event.WAIT)}),
        f"{at}.export": Stage(
            run=export,
            ways={"done": To(stage=f"{at}.watch")},
            timeout_s=lambda settings: settings.deploy_step_timeout_s,
        ),
        f"{at}.watch": Stage(
            run=watch,
            ways={"done": To(stage=f"{at}.end"), "again": To(stage=f"{at}.export")},
            timeout_s=lambda settings: settings.iscsi_silence_timeout_s,
        ),
        f"{at}.end": Stage(run=end, ways={"done": then}),
    }


def begin(_context: Context) -> Outcome:
    """Forget what an earlier deployment has written in this boot."""
    return leave(data={WRITER: None, _BEGUN: 0})


def export(context: Context) -> Outcome:
    """Have the agent export the disk, and start the writer; wait while as many are being written as may be at once."""
    settings, writers = context.settings, context.services.lun_writers
    begun = int(context.data.get(_BEGUN) or 0)
    if begun >= _MOST_BEGUN:
        raise StepFailed(
            f"{context.label}: {_STEP} was cut off {begun} times by the end of a controller that wrote the disk, and is not begun"
            " again; look at the controllers' logs, then deploy again"
        )
    name = writers.reserve(settings.iscsi_writers)
    if name is None:
        return _wait_for_room(context)
    try:
        order = _order(context)
        require_held()
        writers.begin(name, order, total_s=settings.iscsi_write_timeout_s)
    except OSError as error:
        raise StepFailed(
            f"{context.label}: the controller's machine has no room for an image writer: {error.strerror}; deploy again when less"
            " is to be done, or lower iscsi_writers"
        ) from error
    finally:
        writers.give_back(name)
    disk = order.export.disk
    text = f"{disk.path} is exported at {order.portal}; this controller writes it over iSCSI"
    return leave(
        data={WRITER: name, _BEGUN: begun + 1, _SEEN: None},
        notes=(Note(kind="step", message=clean_line(text)),),
    )


def _wait_for_room(context: Context) -> Outcome:
    most = context.settings.iscsi_writers
    progress = {"step": _STEP, "phase": "queue", "updated_at": context.wall_now}
    progress["message"] = f"this controller writes {most} disks at a time (iscsi_writers)"
    return stay(
        _LOOK_S,
        waiting_for=f"{context.label}: {most} other disks are being written, as many as iscsi_writers allows",
        advice="raise iscsi_writers, or deploy again later",
        columns={"progress": progress},
    )


def _order(context: Context) -> WriteOrder:
    """Have the disk exported, and return what the writer is told.

    Raises:
        StepFailed: The agent cannot export it.
    """
    node, settings = context.node, context.settings
    login = Login(
        initiator=_INITIATOR.format(uuid=node.uuid),
        username=f"ingot-{secrets.token_hex(4)}",
        password=secrets.token_hex(_SECRET_BYTES),
        target_username=f"machine-{secrets.token_hex(4)}",
        target_password=secrets.token_hex(_SECRET_BYTES),
    )
    address = _address(context)
    params = {
        "iqn": _TARGET.format(uuid=node.uuid),
        "portal_port": settings.iscsi_portal_port,
        "portal_address": address,
        "wipe_disk_metadata": False,
        "login": msgspec.to_builtins(login),
    }
    made = _exported(context, params)
    host = f"[{address}]" if ":" in address else address
    return WriteOrder(
        portal=f"{host}:{settings.iscsi_portal_port}",
        export=made,
        login=login,
        image=msgspec.convert(image_for_agent(node, settings), ImageInfo),
        configdrive=node.config_drive,
        allow_md5=settings.allow_md5_images,
        allow_unverified=settings.allow_unverified_images,
        verify=settings.iscsi_verify,
        folders=(settings.image_directory,) if settings.image_directory else (),
    )


def _patience_s(context: Context) -> float:
    """Return how long the one call of a stage may take: arrays and volumes on the disk are ended, or udev looks at it, meanwhile."""
    return _CALLS * context.settings.agent_request_timeout_s


def _address(context: Context) -> str:
    """Return the address of the agent, by which it is asked and exports."""
    host = urlsplit(str(context.node.driver_internal_info.get("agent_url"))).hostname or ""
    try:
        return str(ip_address(host))
    except ValueError:
        raise StepFailed(
            f"{context.label}: the agent calls itself {host!r}, which is no IP address; the deploy interface iscsi needs one to"
            " reach the disk"
        ) from None


def _exported(context: Context, params: Mapping[str, Any]) -> Export:
    try:
        result = ask(context, START, params, timeout_s=_patience_s(context))
    except AgentRefused as error:
        raise StepFailed(
            f"{context.label}: {error}; the deploy interface iscsi needs a ramdisk of Ingot that can export disks, other agents"
            " cannot any more: boot that, or choose the deploy interface direct"
        ) from error
    try:
        return msgspec.convert(result, Export)
    except msgspec.ValidationError as error:
        raise StepFailed(
            f"{context.label}: the agent's answer to {START} is malformed: {error}"
        ) from error


@leaves_by("done", "again")
def watch(context: Context) -> Outcome:
    """Look how far the writer is; leaves by ``again`` if this process does not know it."""
    writers, name = context.services.lun_writers, str(context.data.get(WRITER))
    if not context.node.driver_internal_info.get("agent_url"):
        writers.end(name)
        raise StepFailed(
            f"{_STEP} was cut off: the machine was switched off or rebooted by a power order while its disk was written; what is"
            " on it is incomplete"
        )
    told = writers.look(name)
    if told is None:
        text = f"{_STEP}: the controller that wrote the disk has ended, or another one looks after the node now; it is begun again"
        return leave("again", notes=(Note(kind="step", message=text, severity="WARNING"),))
    if told.error is not None:
        writers.end(name)
        _end_quietly(context)
        why = clean_line(secrets_of(context.node).text(told.error))
        raise StepFailed(f"{context.label}: {_STEP} over iSCSI failed: {why}")
    if told.receipt is None:
        return _go_on(context, told)
    receipt = told.receipt
    return leave(
        columns={"progress": None},
        internal={receipts.KEY: msgspec.to_builtins(receipt)},
        notes=(receipts.describe(receipt),),
    )


def _go_on(context: Context, told: WriteReport) -> Outcome:
    """Stay as long as the progress moves."""
    settings = context.settings
    progress: dict[str, Any] | None = None
    if told.progress is not None:
        plain = msgspec.to_builtins(told.progress)
        hide = secrets_of(context.node).text
        texts = {
            key: clean_line(hide(value)) for key, value in plain.items() if isinstance(value, str)
        }
        progress = {"step": _STEP, **plain, **texts, "updated_at": context.wall_now}
    seen = moved(context.data.get(_SEEN), progress)
    limit_s = settings.iscsi_silence_timeout_s
    what = f"{context.label}: {_STEP} over iSCSI has not moved for {limit_s:.0f} s"
    if seen is None and context.is_late:
        context.services.lun_writers.end(str(context.data.get(WRITER)))
        _end_quietly(context)
        raise StepUnfinished(f"{what}; {_ADVICE}")
    return stay(
        context.services.paces.steps.pause_s(settings.progress_poll_interval_s),
        waiting_for=what,
        advice=_ADVICE,
        columns={"progress": progress},
        data={} if seen is None else {_SEEN: seen},
        deadline_in_s=None if seen is None else limit_s,
    )


def _end_quietly(context: Context) -> None:
    """Have the agent end the export after a failure, if it still can: what has failed is told, not this."""
    try:
        agent_of(context.services, context.node).execute(STOP, {}, wait=True)
    except ControllerError:
        return


def end_unwanted(services: Services) -> None:
    """End writers of this process whose deployment has ended otherwise: aborted, deleted, or begun again by another controller."""
    writers = services.lun_writers
    names = writers.old()
    if not names:
        return
    query = select(Work.data).where(Work.stage.like(f"{_WORKFLOW}.iscsi.%"))
    with services.store.read() as session:
        wanted = {data.get(WRITER) for data in session.scalars(query)}
    for name in names:
        if name not in wanted:
            log.warning("an image writer whose deployment has ended is ended")
            writers.end(name)


def end(context: Context) -> Outcome:
    """Have the agent end the export and look at the disk; then the writer is forgotten."""
    ask(context, STOP, {"is_written": True}, timeout_s=_patience_s(context))
    context.services.lun_writers.end(str(context.data.get(WRITER)))
    return leave(data={WRITER: None})

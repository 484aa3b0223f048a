"""Which running agent the next workflow may take as it is, and why another machine has to be booted. Pure.

A workflow that ends with a running ramdisk keeps its agent by name (``KEPT``): what an aborted or failed one left behind is never
taken. The mark says what the machine was to the controller then, so that another BMC, other ports or another ramdisk end it.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from agent.protocol.masking import masked
from controller.boot.switches import FAST_TRACK, KEXEC, LOCAL_BOOT_BY_ORDER, is_fast_track
from controller.hardware.steps import PlannedStep
from controller.settings import Settings
from controller.store.tables import Node, Port
from controller.workflow.machine import HEARD_AT, KEPT, boot_mode_of

_CHANGES_NOTHING = frozenset({"hold", "wait"})
"""``runs_as`` of steps after which the machine is the same as before."""


def may_be_kept(node: Node, settings: Settings) -> bool:
    """Say whether the agent that runs on the node's machine is to be kept for the next workflow."""
    info = node.driver_internal_info
    return (
        is_fast_track(node.driver_info, settings)
        and not node.retired
        and info.get("boot_target") == "ramdisk"
        and bool(info.get("agent_url"))
        and not _token_trouble(info)
    )


def fingerprint(node: Node, ports: Sequence[Port], settings: Settings) -> str:
    """Return what the node's machine and its ramdisk are to the controller, as two digests; no secret goes into them."""
    parts = [
        sorted(port.address for port in ports),
        settings.deploy_kernel,
        settings.deploy_ramdisk,
        settings.kernel_append_params,
        node.instance_info.get("kernel_append_params"),
        settings.allow_md5_images,
        settings.allow_unverified_images,
        settings.enable_bios_bootloader_install,
    ]
    return f"{_of_bmc(node)}.{_digest(parts)}"


def _of_bmc(node: Node) -> str:
    switches = (FAST_TRACK, KEXEC, LOCAL_BOOT_BY_ORDER)
    known = {key: value for key, value in node.driver_info.items() if key not in switches}
    return _digest([node.driver, masked(known)])


def _digest(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def is_kept(node: Node) -> bool:
    """Say whether the ramdisk was left running on the node's idle machine."""
    return bool(node.driver_internal_info.get(KEPT))


def has_its_bmc(node: Node) -> bool:
    """Say whether the node's BMC is still that of the machine that was left running; another one must not be switched."""
    return str(node.driver_internal_info.get(KEPT)).partition(".")[0] == _of_bmc(node)


def end_of_stay(node: Node, ports: Sequence[Port], settings: Settings) -> str | None:
    """Return why an idle machine has no reason any more to stay in the ramdisk, and is to be switched off; ``None`` = it has.

    A silent agent is no such reason: the next workflow boots the machine anyway.
    """
    if not is_kept(node) or not has_its_bmc(node):
        return None
    if node.retired:
        return "the node has been retired"
    return _change(node, ports, settings)


def obstacle(
    node: Node,
    ports: Sequence[Port],
    settings: Settings,
    now: float,
    before: Sequence[PlannedStep] = (),
) -> str | None:
    """Return why a kept agent cannot be used, as far as that is known without asking anybody; ``None`` = it can.

    Args:
        node: A node whose agent is kept.
        ports: The node's.
        settings: The controller's.
        now: The steady clock.
        before: Steps of this workflow that have run already.
    """
    changing = next((step for step in before if step.runs_as not in _CHANGES_NOTHING), None)
    found = _change(node, ports, settings)
    if found is None and changing is not None:
        found = f"{changing.title} has run since, whose changes may need a boot"
    return found or _silence(node, settings, now)


def _change(node: Node, ports: Sequence[Port], settings: Settings) -> str | None:
    """Return what is no longer as it was when the agent was kept."""
    mode = boot_mode_of(node, settings)
    is_other = node.driver_internal_info[KEPT] != fingerprint(node, ports, settings)
    checks = (
        (not is_fast_track(node.driver_info, settings), "fast track has been switched off"),
        (
            node.boot_mode != str(mode),
            f"the ramdisk was booted in {node.boot_mode} mode, and {mode} is wanted now",
        ),
        (is_other, "driver_info, ports or the ramdisk's settings have been changed since its boot"),
    )
    return next((text for applies, text in checks if applies), None)


def _silence(node: Node, settings: Settings, now: float) -> str | None:
    """Return why the agent is not believed to live."""
    info, limit_s = node.driver_internal_info, settings.fast_track_timeout_s
    heard_at = info.get(HEARD_AT)
    if not info.get("agent_url") or not node.agent_secret or not isinstance(heard_at, float):
        return "no agent has called back since the machine was powered on"
    silent_s = now - heard_at
    if silent_s > limit_s:
        return (
            f"the agent's last heartbeat is {silent_s:.0f} s old, more than fast_track_timeout_s "
            f"({limit_s:.0f} s)"
        )
    return _token_trouble(info)


def _token_trouble(info: dict[str, Any]) -> str | None:
    if info.get("agent_restarted_at") or info.get("agent_locked_out_at"):
        return "the agent has restarted and lost its token"
    return None

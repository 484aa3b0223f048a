"""One case of the kill campaign: a step is begun, somebody dies at one of its moments, and the node is brought back by normal verbs."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.integration.disk_images import MIB, sha256
from tests.integration.kill_kinds import Ground, Kind, content, forget, has_image, starts, write
from tests.integration.kill_site import NAME, wait_for

MARK = b"written by somebody else, after the step" * 100
MARK_AT = 9 * MIB
_FIRST = {"interface": "deploy", "step": "return_nothing"}
_OTHERS = {"clean": 2, "deploy": 1, "service": 2}
"""How many steps beside that of the case are ordered."""


def _agent(ground: Ground) -> None:
    ground.site.machine.kill_agent()
    ground.site.machine.let_go()
    ground.site.machine.start_agent()


def _machine(ground: Ground) -> None:
    ground.site.machine.kill_agent()
    ground.site.machine.let_go()
    ground.site.machine.reset()


def _power(ground: Ground) -> None:
    ground.site.machine.power_off()
    ground.site.machine.let_go()


def _controller(ground: Ground) -> None:
    ground.site.kill_controller()
    ground.site.machine.let_go()
    ground.site.start_controller()


def _with_controller(other: Callable[[Ground], None]) -> Callable[[Ground], None]:
    def kill(ground: Ground) -> None:
        ground.site.kill_controller()
        other(ground)
        ground.site.start_controller()

    return kill


VICTIMS: Mapping[str, Callable[[Ground], None]] = {
    "agent": _agent,
    "machine": _machine,
    "power": _power,
    "controller": _controller,
    "controller and agent": _with_controller(_agent),
    "controller and machine": _with_controller(_machine),
    "controller and power": _with_controller(_power),
}
REASONS = {
    "agent": "was restarted in the middle of it",
    "machine": "restarted in the middle of",
    "power": "the machine is off|did not answer|says power off",
}
"""What the node says of who died, beside the step."""


def order(ground: Ground, kind: Kind) -> None:
    """Order the step behind another one, in a cleaning also before another one."""
    site = ground.site
    if kind.phase in {"clean", "service"}:
        steps = [_FIRST, kind.wish(ground), _FIRST]
        site.api.provision(NAME, kind.phase, **{f"{kind.phase}_steps": steps})
        return
    steps = [{**_FIRST, "args": {}, "priority": 90}]
    steps += [kind.wish(ground)] if kind.priority is not None else []
    site.api.provision(NAME, "active", deploy_steps=steps)


def set_instance(ground: Ground) -> None:
    """Say which image the node is to have."""
    ground.site.api.set_instance(
        NAME,
        image_source=ground.image_url,
        image_type="whole-disk",
        image_os_hash_algo="sha256",
        image_os_hash_value=sha256(ground.image.content),
    )


def begin(ground: Ground, kind: Kind, moment: str) -> None:
    """Bring the step to one of its moments."""
    forget(ground)
    kind.prepare(ground)
    set_instance(ground)
    if kind.phase != "clean":
        ground.site.to("provide", "available")
    if kind.phase == "service":
        ground.site.to("active", "active")
    ground.site.machine.hold(f"{kind.step} {'end' if moment == 'told' else moment}")
    order(ground, kind)
    ground.site.machine.wait_at_gate()
    wait_for(
        lambda: bool(ground.site.node()[f"{kind.phase}_step"]), "the step", ground.site.machine.log
    )


def tell_nobody(ground: Ground) -> None:
    """Let the step end while no controller is there to hear of it."""
    ground.site.kill_controller()
    ground.site.machine.let_go()
    wait_for(
        lambda: ground.site.machine.commands()[-1]["command_status"] == "SUCCEEDED",
        "the step's end",
        ground.site.machine.log,
    )


def run_case(ground: Ground, kind: Kind, victim: str, moment: str) -> None:
    """Begin, kill, look, bring back."""
    begin(ground, kind, moment)
    if moment == "told":
        tell_nobody(ground)
    is_over = moment in {"end", "told"}
    if is_over:
        assert kind.claimed is kind.done or kind.done(ground)  # no controller is there to be asked
    if is_over and kind.erases:
        write(ground.disks[0], MARK, MARK_AT)
    VICTIMS[victim](ground)
    if moment == "told" and "controller" not in victim:
        ground.site.start_controller()
    is_remembered = moment == "told" and victim.endswith("agent")
    if victim == "controller" or is_remembered:
        _succeeds(ground, kind, is_over=is_over)
    else:
        _fails(ground, kind, victim.rpartition(" ")[2], moment)
        _comes_back(ground, kind)
    is_deployed_and_returned(ground)


def _succeeds(ground: Ground, kind: Kind, *, is_over: bool) -> None:
    goal = "manageable" if kind.phase == "clean" else "active"
    node = ground.site.rest(goal)
    assert node["last_error"] is None
    diary = ground.site.machine.diary()
    assert diary.count(f"{kind.step} begins") == diary.count(f"{kind.step} done") == 1, diary
    assert diary.count("return_nothing begins") == _OTHERS[kind.phase], diary
    if is_over and kind.erases:
        assert content(ground.disks[0], MARK_AT, len(MARK)) == MARK, "erased twice"
    else:
        assert kind.done(ground)


def _fails(ground: Ground, kind: Kind, victim: str, moment: str) -> None:
    node = ground.site.rest(f"{kind.phase} failed")
    said = str(node["last_error"])
    assert kind.step in said or f"execute_{kind.phase}_step" in said, said
    assert any(part in said for part in REASONS[victim].split("|")), said
    diary = ground.site.machine.diary()
    assert diary.count(f"{kind.step} begins") == 1, diary
    assert diary.count("return_nothing begins") == 1, f"went on after the failure: {diary}"
    assert not kind.claimed(ground), "somebody says that it succeeded"
    if moment in {"end", "told"} and kind.erases:
        assert content(ground.disks[0], MARK_AT, len(MARK)) == MARK, "erased twice"
    if kind.step == "write_image" and moment == "middle":
        assert not starts(ground), "half an image can be started from"


def _comes_back(ground: Ground, kind: Kind) -> None:
    """Order the same again, as a person does who has read ``last_error``; half a RAID is deleted before."""
    site = ground.site
    (ground.folder / "diary").unlink()
    if site.node()["maintenance"]:
        site.api.call("DELETE", f"/v1/nodes/{NAME}/maintenance", ok=202)
    if kind.phase == "clean":
        site.to("manage", "manageable")
    if kind.step == "create_configuration":  # half of it may stand there
        delete = {"interface": "raid", "step": "delete_configuration"}
        site.to("clean", "manageable", clean_steps=[delete])
        (ground.folder / "diary").unlink()
    order(ground, kind)
    _succeeds(ground, kind, is_over=False)


def is_deployed_and_returned(ground: Ground) -> None:
    """Deploy, unless that was done, and take the node back to where every case begins."""
    site = ground.site
    if site.node()["provision_state"] == "manageable":
        set_instance(ground)
        site.to("provide", "available")
        site.to("active", "active")
        assert has_image(ground)
        assert site.machine.boots[-1] == "disk"
    site.to("deleted", "available")
    site.to("manage", "manageable")


def told(node: Mapping[str, Any]) -> str:
    """Return what a person reads of a node."""
    return f"{node['provision_state']}: {node['last_error']}"

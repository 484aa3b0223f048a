"""Has switches do what a plan says: one node at a time per switch, within one deadline, each change read back."""

import time
from collections.abc import Sequence
from functools import partial

from agent.protocol.foreign_text import clean_line
from controller.errors import SwitchError, SwitchUnreachable
from controller.store.still_held import require_held
from controller.switches.driver import Switch, SwitchDriver
from controller.switches.registry import Switches
from controller.workflow.networks.plan import Attachment

_SHOWN = 500
_ADVICE = "look at the switch, then try again"


def carry_out(
    plan: Sequence[Attachment], switches: Switches, *, wait_s: float, timeout_s: float
) -> tuple[Attachment, ...]:
    """Bring every port of a plan to where it says; what is so already is not touched.

    Args:
        plan: In its order, switch by switch.
        switches: Of the switch file.
        wait_s: Longest wait for one's turn at a switch.
        timeout_s: Longest time for all of it, beside ``wait_s``.

    Returns:
        What was changed.

    Raises:
        SwitchBusy: Others are at a switch; what stands before it in the plan may have been changed.
        SwitchUnreachable: A switch does not answer in time.
        SwitchError: A switch refuses, or says something else afterwards than it was told.
    """
    ends_at = time.monotonic() + wait_s + timeout_s
    changed: list[Attachment] = []
    for name in dict.fromkeys(one.switch for one in plan):
        mine = [one for one in plan if one.switch == name]
        switch = switches.switches[name]
        driver = switches.drivers[switch.driver_type]
        do = partial(_set_all, mine, switch, driver, ends_at)
        require_held()
        changed += switches.lines.call(name, do, what=_wanted(mine), wait_s=wait_s, ends_at=ends_at)
    return tuple(changed)


def _set_all(
    plan: Sequence[Attachment], switch: Switch, driver: SwitchDriver, ends_at: float
) -> list[Attachment]:
    return [one for one in plan if _set(one, switch, driver, ends_at)]


def _set(one: Attachment, switch: Switch, driver: SwitchDriver, ends_at: float) -> bool:
    """Set one port; false = it was so already."""
    try:
        if _read(one, switch, driver, ends_at) == one.wanted:
            return False
        if one.wanted is None:
            driver.detach(switch, one.port, timeout_s=_left_s(ends_at))
        else:
            driver.attach(switch, one.port, one.wanted, timeout_s=_left_s(ends_at))
        found = _read(one, switch, driver, ends_at)
    except SwitchError as error:
        raise type(error)(f"{_begin(one)}: {_clean(error, switch)}; {_ADVICE}") from error
    except Exception as error:
        text = f"its plug-in {switch.driver_type} has failed with {type(error).__name__}: {_clean(error, switch)}"
        raise SwitchError(f"{_begin(one)}: {text}") from error
    if found != one.wanted:
        raise SwitchError(
            f"{_begin(one)}: the switch took the change and says {_words(found)} afterwards; look at the switch and its log"
        )
    return True


def _read(one: Attachment, switch: Switch, driver: SwitchDriver, ends_at: float) -> object:
    return driver.read(switch, one.port, timeout_s=_left_s(ends_at))


def _left_s(ends_at: float) -> float:
    left_s = ends_at - time.monotonic()
    if left_s <= 0:
        raise SwitchUnreachable("there was no time left for it (setting switch_timeout_s)")
    return left_s


def _begin(one: Attachment) -> str:
    return f"{one} cannot be set to {one.network} ({_words(one.wanted)})"


def _wanted(plan: Sequence[Attachment]) -> str:
    ports = ", ".join(f"{one.port} to {one.network} ({_words(one.wanted)})" for one in plan)
    return f"wanted there: {ports}; {_ADVICE}"


def _words(wanted: object) -> str:
    return "no VLAN" if wanted is None else str(wanted)


def _clean(error: Exception, switch: Switch) -> str:
    """Return the words of a switch without its secrets."""
    return clean_line(switch.secrets().text(str(error)), _SHOWN)

"""``system.lockdown``: the controller is done with a machine that it does not power off (``disable_power_off``), and resets it later.

Until then the ramdisk is on somebody's network: the agent serves nobody any more and switches the network cards off, as Ironic's agent.
"""

from collections.abc import Callable, Iterable

from agent.commands.command import Command, Control, Job, Kind, Params


class Lockdown:
    """The command; ``on_lockdown`` is called when it was given."""

    def __init__(self, on_lockdown: Callable[[], None]) -> None:
        self._on_lockdown = on_lockdown

    def commands(self) -> Iterable[Command]:
        """Return the command."""
        return [Command(name="system.lockdown", kind=Kind.SYNC, prepare=self.lockdown)]

    def lockdown(self, _params: Params) -> Job:
        """End the agent's service for this boot, after the answer was sent."""

        def lock(_control: Control) -> None:
            self._on_lockdown()

        return lock

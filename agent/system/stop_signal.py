"""How a running command is asked to stop: a flag that its work looks at where it may end."""

import threading

from agent.errors import Stopped


class StopSignal:
    """Set once by whoever wants the end, read by the work; never taken back."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask for the end."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether the end was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait until the end is asked for, at most ``seconds``; say whether it was."""
        return self._event.wait(seconds)

    def check(self, what: str = "the step") -> None:
        """Raise if the end was asked for.

        Args:
            what: Begins the message: what is given up here.

        Raises:
            Stopped: It was.
        """
        if self._event.is_set():
            raise Stopped(f"{what} was stopped, as ordered")

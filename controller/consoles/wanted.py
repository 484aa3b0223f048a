"""A wish for a console: what the rows of nodes come to."""

from dataclasses import dataclass

from controller.hardware.console import LineProgram


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedConsole:
    """A console that is to be open."""

    program: LineProgram
    has_port: bool = False
    """It is to have a TCP port, if there are any."""
    port: int | None = None
    """This very one."""
    whose: str
    """The owner of the node; what one owner's machine has shown, another one never gets. Empty = it has none."""

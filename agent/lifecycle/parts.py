"""What the parts of a running agent share: those that look up and beat, and those that come after them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.commands.identity import Identity
from agent.hardware.registry import Hardware
from agent.protocol.commands import CommandResult
from agent.settings import Settings
from agent.system.power import PowerActions
from agent.system.rescue_login import RescueLogin
from agent.system.runner import Runner
from agent.system.status import StatusBoard, TroubleKeeper


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParts:
    """Everything of an agent that its orders and its inspection work with.

    ``results`` are the commands of this boot; ``asked`` is called when the controller asks for commands or
    gives one, ``rescued`` when a person has been let in, ``locked_down`` when the machine shall be cut off.
    ``say_end`` tells the controller, once, that another system takes this one's place; ``wait`` waits so many
    seconds, true = the agent is told to end.
    """

    settings: Settings
    hardware: Hardware
    runner: Runner
    power: PowerActions
    identity: Identity
    login: RescueLogin
    board: StatusBoard
    troubles: TroubleKeeper
    results: Callable[[], Sequence[CommandResult]]
    asked: Callable[[], None]
    rescued: Callable[[], None]
    locked_down: Callable[[], None]
    say_end: Callable[[], None]
    wait: Callable[[float], bool]
    hostname: str
    version: str

"""The other machines of a Redfish service: a chassis' controller is the BMC of several, and what it has for all of them is not one machine's own.

Not every ``ComputerSystem`` is a machine: NVIDIA's boards of GPUs are such systems too, and have no ``Boot``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sushy.resources.system.system import System

from controller.bmc.redfish_document import Document, dig, link, links, listed, read_if_there

_MOST_READ = 64
"""Systems of one service; HPE's Moonshot, the largest chassis that is known, has 45 cartridges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """The machines beside one."""

    systems: tuple[str, ...] = ()
    """Their addresses; empty = the machine is alone."""
    parts: frozenset[str] = frozenset()
    """The addresses of what is theirs alone: systems, managers, chassis."""

    def have(self, places: Iterable[str]) -> bool:
        """Say whether something with these places belongs to them alone; what has no place is everybody's."""
        found = [*places]
        return bool(found) and all(self._is_theirs(place) for place in found)

    def _is_theirs(self, place: str) -> bool:
        return any(place == part or place.startswith(f"{part}/") for part in self.parts)


def siblings(system: System) -> Siblings:
    """Return the other machines of the service."""
    others = _machines(system, listed(system, link(system.root.json, "Systems")))
    parts = {part for one in others for part in (_plain(one.path), *_around(one.body))}
    mine = {_plain(system.path), *_around(system.json)}
    return Siblings(systems=tuple(one.path for one in others), parts=frozenset(parts - mine))


def serves_others(system: System, owner: Document) -> bool:
    """Say whether a manager, or a chassis, is another machine's too."""
    named = [
        *links(owner.body, "Links", "ManagerForServers"),
        *links(owner.body, "Links", "ComputerSystems"),
    ]
    return bool(_machines(system, named))


def _machines(system: System, paths: Iterable[str]) -> list[Document]:
    """Read those of several systems that are machines, without the system itself."""
    others = dict.fromkeys(path for path in paths if _plain(path) != _plain(system.path))
    read = (read_if_there(system, path) for path in [*others][:_MOST_READ])
    return [one for one in read if one is not None and isinstance(dig(one.body, "Boot"), dict)]


def _around(body: object) -> list[str]:
    """Return the addresses of a system's managers and chassis."""
    found = [*links(body, "Links", "ManagedBy"), *links(body, "Links", "Chassis")]
    return [_plain(path) for path in found]


def _plain(path: str) -> str:
    return path.rstrip("/")

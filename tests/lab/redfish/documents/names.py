"""Where things are: addresses of the resources, and forms that several documents share."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tests.lab.redfish.answers import Document, RefusedError
from tests.lab.redfish.state import View

ROOT = "/redfish/v1"
Ids = dict[str, str]
T = TypeVar("T")
HEALTHY = {"State": "Enabled", "Health": "OK"}


def system_id(view: View) -> str:
    return _renamed(view, str(view.number + 1))


def manager_id(view: View) -> str:
    name = "BMC" if view.faults.shared_manager else _numbered(view, "BMC")
    return _renamed(view, name)


def chassis_id(view: View) -> str:
    return _renamed(view, _numbered(view, "Case"))


def system_path(view: View) -> str:
    return f"{ROOT}/Systems/{system_id(view)}"


def manager_path(view: View) -> str:
    return f"{ROOT}/Managers/{manager_id(view)}"


def chassis_path(view: View) -> str:
    return f"{ROOT}/Chassis/{chassis_id(view)}"


def check_ids(view: View, ids: Ids) -> None:
    """Refuse names of systems, managers and chassis that are not.

    Raises:
        RefusedError: 404.
    """
    for kind, mine in _KINDS:
        if kind in ids and ids[kind] != mine(view):
            raise missing(ids[kind])


def seen_from(view: View, ids: Ids) -> View:
    """Return the view of the machine whose system, manager or chassis an address names; as it is where it names none."""
    for one in reversed(view.each):
        if all(ids[kind] == mine(one) for kind, mine in _KINDS if kind in ids):
            return one
    return view


_KINDS = (("system", system_id), ("manager", manager_id), ("chassis", chassis_id))


def missing(what: str) -> RefusedError:
    return RefusedError(404, "ResourceMissingAtURI", what)


def found(things: dict[str, T], name: str) -> T:
    """Return the thing of that name.

    Raises:
        RefusedError: 404.
    """
    try:
        return things[name]
    except KeyError:
        raise missing(name) from None


def link(path: str) -> Document:
    return {"@odata.id": path}


def links(paths: Iterable[str]) -> list[Document]:
    return [link(path) for path in paths]


def resource(path: str, kind: str, name: str, **members: Any) -> Document:
    """Return a resource's document; ``kind`` is its type with version: ``Bios.v1_2_0``."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}.{kind.split('.', maxsplit=1)[0]}",
        "Id": path.rsplit("/", 1)[-1],
        "Name": name,
        **members,
    }


def collection(path: str, kind: str, name: str, members: Iterable[str]) -> Document:
    """Return a collection's document with all members; paging is done by `query`."""
    listed = links(members)
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}.{kind}",
        "Name": name,
        "Members@odata.count": len(listed),
        "Members": listed,
    }


def action(path: str, name: str, **allowable: Iterable[str]) -> Document:
    """Return an action's member of ``Actions`` with the allowable values of its parameters."""
    return {
        f"#{name}": {
            "target": f"{path}/Actions/{name}",
            **{
                f"{parameter}@Redfish.AllowableValues": list(values)
                for parameter, values in allowable.items()
            },
        }
    }


def _numbered(view: View, name: str) -> str:
    """Return the name for the machine: as it is for the first one, with a number for others."""
    return f"{name}{view.number + 1}" if view.number else name


def _renamed(view: View, name: str) -> str:
    return f"{name}-{view.state.restarts}" if view.faults.changing_ids else name

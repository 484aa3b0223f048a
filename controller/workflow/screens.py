"""Who may see which screen: what the rows of nodes say of graphical consoles, and the words that open them."""

from collections.abc import Callable, Mapping
from typing import Any

from controller.errors import Conflict, ControllerError, Forbidden
from controller.hardware.interface import Facts
from controller.hardware.screen import OpensScreen, ScreenWish
from controller.screens.screens import WantedScreen
from controller.screens.tokens import Grant, Token
from controller.store.confirming import confirm
from controller.store.nodes import get_node
from controller.store.tables import Node
from controller.workflow.machine import interfaces_of
from controller.workflow.services import Services


def wanted_screen(services: Services, node: Node) -> WantedScreen | None:
    """Return what may be seen of a node; ``None`` = its console is no screen. Raises ``Invalid``."""
    wish = wish_of(services, node)
    return None if wish is None else WantedScreen(wish=wish, whose=_whose(node))


def wish_of(services: Services, node: Node) -> ScreenWish | None:
    """Return what is to be brought for a node; ``None`` = its console is no screen. Raises ``Invalid``."""
    interfaces = interfaces_of(services, node)
    if not isinstance(interfaces.console, OpensScreen):
        return None
    facts = Facts(node=node, settings=services.settings, interfaces=interfaces)
    return interfaces.console.screen_wish(facts)


def opened_information(
    services: Services,
    ident: str,
    information: Mapping[str, Any],
    user: str,
    may_type: Callable[[Node], bool],
) -> Mapping[str, Any]:
    """Return ``console_info`` of a screen with the word that opens it.

    The word is behind the ``#``: browsers send that part to nobody, so it is in no server's log.

    Raises:
        NotFound: There is no such node, or it was given away after the request was checked.
        Conflict: The node is another controller's, which has its screen.
    """
    with services.store.read() as session:
        node = get_node(session, ident)
    confirm(node)
    _require_ours(services, node)
    grant = Grant(node_uuid=node.uuid, whose=_whose(node), user=user, may_type=may_type(node))
    token = services.screens.tokens.issue(grant)
    return {**information, "url": f"{information['url']}#{token.word}"}


def admit(services: Services, ident: str, word: str) -> tuple[ScreenWish, Token]:
    """Return what a word opens.

    Raises:
        Forbidden: It is none, has ended, or is another node's.
        Conflict: The console is switched off, another controller's, or there is no room for one more.
    """
    token = services.screens.tokens.find(word)
    if token is None or token.grant.node_uuid != ident:
        raise Forbidden(
            "The word in the address opens no screen, or does so no more; ask for a new address: baremetal node console show"
        )
    with services.store.read() as session:
        node = get_node(session, ident)
    if not node.console_enabled or _whose(node) != token.grant.whose:
        raise Conflict("The console is switched off, or the node has another owner or lessee now")
    _require_ours(services, node)
    wish = wish_of(services, node)
    if wish is None:
        raise Conflict("The node's console is no screen any more")
    services.screens.require_room()
    return wish, token


def refuse_screen(services: Services, node: Node) -> None:
    """Raise ``Conflict`` where a node's console is a screen, for those who want a serial line."""
    try:
        wish = wish_of(services, node)
    except ControllerError:
        return
    if wish is not None:
        raise Conflict(
            f"The console of node {node.name or node.uuid} is a screen; open its address in a browser: baremetal node console show"
        )


def _whose(node: Node) -> str:
    return f"{node.owner or ''}\n{node.lessee or ''}"


def _require_ours(services: Services, node: Node) -> None:
    if node.conductor != services.hostname:
        raise Conflict(
            f"The console of node {node.name or node.uuid} is kept by the controller {node.conductor or 'nobody'}; ask that one"
            f" (this is {services.hostname})"
        )

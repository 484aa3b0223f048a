"""The WebSocket of a node's screen, ``/screens/<uuid>``: opened by a word that the API gave away, because browsers log in to no WebSocket.

The word comes as a subprotocol, ``ingot.token.WORD``, beside ``binary``: servers and proxies write addresses into their logs, not this.
"""

from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as BaseResponse

from agent.protocol.http_server.upgrades import Upgrade
from controller.api.browsers import Browsers
from controller.screens.websocket import WebSocket
from controller.workflow.screens import admit
from controller.workflow.services import Services

PATH = "/screens/<uuid>"


def screen_blueprint(services: Services, browsers: Browsers) -> Blueprint:
    """Return the route."""
    routes = Blueprint("screens", __name__)

    @routes.get(PATH)  # for who asks for no WebSocket, and is told so
    @routes.get(PATH, websocket=True)
    def _screen(uuid: str) -> BaseResponse:
        browsers.check_page(request.headers)
        websocket = WebSocket(request.path, request.headers.items())
        wish, token = admit(services, uuid, websocket.token)
        begin = partial(services.screens.begin, wish, token, websocket)
        return _Switching(Upgrade(websocket.accept(), begin))

    return routes


class _Switching(Response):
    """An answer 101, whose head the server sends as it is."""

    def __init__(self, upgrade: Upgrade) -> None:
        super().__init__(status=101)
        self._upgrade = upgrade

    def get_app_iter(self, environ: dict[str, Any]) -> Any:  # noqa: ARG002  # werkzeug's
        """Return what the server gives the connection to; werkzeug has no body for 1xx."""
        return self._upgrade

"""Serves the API of a running agent and says where."""

import logging
import time

from agent.api.app import ApiDependencies, create_app
from agent.api.server import ApiServer
from agent.commands.executor import CommandExecutor
from agent.lifecycle.addresses import callback_url
from agent.lifecycle.parts import AgentParts
from agent.lifecycle.wishes import tls_terms
from agent.protocol.lookup import LookupConfig
from agent.system.certificate import Certificate
from agent.system.log_output import uptime_s

log = logging.getLogger(__name__)


def start_api(
    parts: AgentParts,
    executor: CommandExecutor,
    host: str,
    certificate: Certificate | None,
    config: LookupConfig | None,
) -> tuple[ApiServer, str]:
    """Start the API; return its server and the URL to call it at.

    Args:
        parts: Of this agent.
        executor: Runs the commands.
        host: Address or name that the controller shall call.
        certificate: For TLS; ``None`` = plain HTTP.
        config: What the controller ordered at the lookup; ``None`` = there was none.

    Raises:
        OSError: The address cannot be used.
    """
    settings = parts.settings
    app = create_app(
        ApiDependencies(
            executor=executor,
            identity=parts.identity,
            version=parts.version,
            started_at=time.time(),
            standalone=settings.standalone,
            on_asked=parts.asked,
        )
    )
    server = ApiServer(app, settings.listen_host, settings.listen_port)
    if certificate is not None:
        server.use_tls(certificate, tls_terms(settings, config))
    port = server.start()
    protocol = settings.advertise_protocol or ("http" if certificate is None else "https")
    url = callback_url(protocol, host, settings.advertise_port or port)
    parts.board.write(phase="waiting for orders", url=url)
    log.info("serving after %.1f s of uptime", uptime_s(), extra={"url": url})
    return server, url

"""``/healthcheck``: whether this controller does its work; for load balancers, service managers and people.

Source: oslo.middleware's healthcheck, which Ironic serves: 200 and ``OK``, or 503 and the reasons, as plain text.
"""

from http import HTTPStatus

from flask import Response

from controller.api.call import Call
from controller.workflow.health import CHECKED


def show(call: Call) -> Response:
    """Say whether engine, database and state directory are as they should be; 503 and the reasons if not."""
    reasons = call.services.health.reasons(call.services)
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    lines = reasons or [f"OK: {', '.join(CHECKED)}"]
    return Response("\n".join(lines) + "\n", status, content_type="text/plain; charset=utf-8")

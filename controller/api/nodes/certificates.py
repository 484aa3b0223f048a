"""``/v1/nodes/<ident>/certificates``: the signed certificates of a node's erased disks; ours, Ironic has none."""

import json
from typing import Any

from flask import Response

from controller.api.call import Call
from controller.api.nodes.certificate_page import page
from controller.api.replies import iso_date, json_reply, links
from controller.store.certificates import (
    ALGORITHM,
    list_certificates,
    public_keys,
    read_certificate,
)
from controller.store.nodes import read_node
from controller.store.tables import Certificate

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Content-Disposition": "inline",
}


def index(call: Call, ident: str) -> Response:
    """List the sanitization certificates of a node, newest first."""
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id", "uuid"))
        items = [_summary(call, node.uuid, row) for row in list_certificates(session, node.id)]
    return json_reply({"certificates": items})


def show(call: Call, ident: str, certificate: str) -> Response:
    """Show one certificate with its signature and the public key."""
    return json_reply(_signed(call, ident, certificate))


def printable(call: Call, ident: str, certificate: str) -> Response:
    """Show one certificate as a page for printing."""
    html = page(_signed(call, ident, certificate))
    return Response(html, headers=_PAGE_HEADERS, content_type="text/html; charset=utf-8")


def keys(call: Call) -> Response:
    """List the public keys that certificates are signed with."""
    with call.services.store.read() as session:
        found = public_keys(session)
    document = [
        {"key_id": name, "algorithm": ALGORITHM, "public_key": key} for name, key in found.items()
    ]
    return json_reply({"keys": document})


def _summary(call: Call, node_uuid: str, row: Certificate) -> dict[str, Any]:
    document = json.loads(row.document)
    return {
        "uuid": row.uuid,
        "created_at": iso_date(row.created_at),
        "verdict": row.verdict,
        "serial": row.serial,
        "model": document["media"].get("model"),
        "path": document["media"].get("path"),
        "method": document["sanitization"].get("method"),
        "levels": document["sanitization"].get("levels", []),
        "links": links(call.base_url, f"nodes/{node_uuid}/certificates/{row.uuid}"),
    }


def _signed(call: Call, ident: str, certificate: str) -> dict[str, Any]:
    with call.services.store.read() as session:
        node = read_node(session, ident, ("id",))
        row = read_certificate(session, node.id, certificate)
        key = public_keys(session)[row.key_id]
    signature = {
        "algorithm": ALGORITHM,
        "key_id": row.key_id,
        "public_key": key,
        "value": row.signature,
        "signed": "the JSON of `certificate` with sorted keys and no white space, in UTF-8",
    }
    return {"certificate": json.loads(row.document), "signature": signature}

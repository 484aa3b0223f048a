"""Sanitization certificates: signed documents, kept per node, the newest ones; and the key that signs them.

A certificate is the exact text that was signed: JSON with sorted keys, no white space, UTF-8 (RFC 8785's form for documents without
fractional numbers). The key is an Ed25519 key (RFC 8032) of the database, made with the first certificate and sealed like every
secret, so that all controllers that share the database sign with it. Ed25519, not an HMAC: whoever is given a certificate can check
it with the public key and forge none.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.store.tables import Certificate, SigningKey

ALGORITHM = "Ed25519"
MOST_BYTES = 65_536
"""Of one certificate's text; texts of drives in it are bounded far below."""


def canonical(document: Mapping[str, Any]) -> str:
    """Return the text that is signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def add_certificate(
    session: Session, node_id: int, document: Mapping[str, Any], *, at: float, keep: int
) -> str:
    """Sign and keep a certificate, drop what is older than the newest ``keep`` of the node, and return its UUID.

    Args:
        session: A session of ``Store.edit``.
        node_id: The node.
        document: What is certified, bounded by its maker; ``id`` is added.
        at: Seconds since the epoch.
        keep: How many certificates of the node are kept.
    """
    name = str(uuid.uuid4())
    text = canonical({**document, "id": name})
    key = _key(session, at)
    session.add(
        Certificate(
            uuid=name,
            node_id=node_id,
            created_at=at,
            verdict=str(document["verdict"]),
            serial=document["media"].get("serial"),
            document=text,
            key_id=key.key_id,
            signature=base64.b64encode(_private(key).sign(text.encode())).decode(),
        )
    )
    session.flush()
    newest = (
        select(Certificate.id)
        .where(Certificate.node_id == node_id)
        .order_by(Certificate.id.desc())
        .offset(keep)
        .limit(1)
    )
    last_to_go = session.scalar(newest)
    if last_to_go is not None:
        old = (Certificate.node_id == node_id, Certificate.id <= last_to_go)
        session.execute(delete(Certificate).where(*old))
    return name


def list_certificates(session: Session, node_id: int) -> Sequence[Certificate]:
    """Return the node's certificates, newest first; as many as are kept."""
    mine = select(Certificate).where(Certificate.node_id == node_id)
    return session.scalars(mine.order_by(Certificate.id.desc())).all()


def read_certificate(session: Session, node_id: int, name: str) -> Certificate:
    """Return one certificate of the node.

    Raises:
        NotFound: The node has none of this UUID.
    """
    query = select(Certificate).where(Certificate.node_id == node_id, Certificate.uuid == name)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound(f"Certificate {name} could not be found for this node")
    return found


def public_keys(session: Session) -> Mapping[str, str]:
    """Return every public key that certificates were signed with, in base64 by its name."""
    return {row.key_id: row.public_key for row in session.scalars(select(SigningKey))}


def _key(session: Session, at: float) -> SigningKey:
    """Return the key in use; the first certificate makes it."""
    found = session.scalars(select(SigningKey).order_by(SigningKey.id.desc()).limit(1)).first()
    if found is not None:
        return found
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    made = SigningKey(
        key_id=hashlib.sha256(public).hexdigest()[:16],
        public_key=base64.b64encode(public).decode(),
        private_key=base64.b64encode(private.private_bytes_raw()).decode(),
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made


def _private(key: SigningKey) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key.private_key))

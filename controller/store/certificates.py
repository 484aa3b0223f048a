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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from controller.errors import NotFound
from controller.signed_certificate import Signed
from controller.store.database import Store
from controller.store.tables import Certificate, SigningKey

ALGORITHM = "Ed25519"
_AT_A_TIME = 10
MOST_BYTES = 131_072
"""Of one certificate's text; whoever makes documents bounds the texts in them so that none is larger."""


def canonical(document: Mapping[str, Any]) -> str:
    """Return the text that is signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sign(store: Store, documents: Sequence[Mapping[str, Any]], *, at: float) -> tuple[Signed, ...]:
    """Sign documents; outside of any transaction, because a step may certify hundreds.

    Args:
        store: Where the key is; the first certificate makes one.
        documents: What is certified, bounded by its maker; ``id`` is added.
        at: Seconds since the epoch.
    """
    if not documents:
        return ()
    with store.read() as session:
        key = _newest_key(session)
    if key is None:
        with store.edit() as session:
            key = _key(session, at)
    return tuple(_sign(key, document) for document in documents)


def keep_signed(
    session: Session, node_id: int, certificates: Sequence[Signed], *, at: float, keep: int
) -> None:
    """Keep certificates, and drop what is older than the newest ``keep`` of the node.

    Args:
        session: A session of ``Store.edit``.
        node_id: The node.
        certificates: In the order in which they are to be listed, the last one first.
        at: Seconds since the epoch.
        keep: How many certificates of the node are kept.
    """
    if not certificates:
        return
    session.add_all(
        Certificate(
            uuid=one.uuid,
            node_id=node_id,
            created_at=at,
            verdict=one.verdict,
            serial=one.serial,
            document=one.document,
            key_id=one.key_id,
            signature=one.signature,
        )
        for one in certificates
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


def sign_in(
    session: Session, documents: Sequence[Mapping[str, Any]], *, at: float
) -> tuple[Signed, ...]:
    """Sign the one or two documents that a transaction itself gives rise to, as :func:`sign` does."""
    return tuple(_sign(_key(session, at), document) for document in documents)


def list_certificates(session: Session, node_id: int) -> Iterator[Certificate]:
    """Give the node's certificates, newest first, as many as are kept; only a few are in memory at a time."""
    mine = select(Certificate).where(Certificate.node_id == node_id)
    ordered = mine.order_by(Certificate.id.desc()).execution_options(yield_per=_AT_A_TIME)
    for row in session.scalars(ordered):
        yield row
        session.expunge(row)


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


def _sign(key: SigningKey, document: Mapping[str, Any]) -> Signed:
    name = str(uuid.uuid4())
    text = canonical({**document, "id": name})
    encoded = text.encode()
    if len(encoded) > MOST_BYTES:
        raise RuntimeError(f"a certificate of {len(encoded)} bytes")  # a fault of its maker
    return Signed(
        uuid=name,
        verdict=str(document["verdict"]),
        serial=document["media"].get("serial"),
        document=text,
        key_id=key.key_id,
        signature=base64.b64encode(_private(key).sign(encoded)).decode(),
    )


def _newest_key(session: Session) -> SigningKey | None:
    return session.scalars(select(SigningKey).order_by(SigningKey.id.desc()).limit(1)).first()


def _key(session: Session, at: float) -> SigningKey:
    """Return the key in use; the first certificate makes it."""
    found = _newest_key(session)
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

"""A signed certificate on its way into the database: signed outside of a transaction, kept in one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One certificate; ``document`` is the text that was signed, ``serial`` at most 255 characters."""

    uuid: str
    verdict: str
    serial: str | None
    document: str
    key_id: str
    signature: str

"""Secrets that a client was shown as ``******`` and sends back: kept as they are stored."""

from typing import Any

from agent.protocol.masking import is_named_secret, masked_value, replace_secrets
from agent.protocol.secret_names import MASK, is_secret
from controller.errors import Invalid


def unmasked(document: Any, stored: Any, where: str) -> Any:
    """Return ``document`` with every masked value replaced by what ``stored`` has in the same place.

    Args:
        document: What a client sent, perhaps made from what it was shown.
        stored: What is stored in the same place.
        where: Name of the place, for the error.

    Raises:
        Invalid: A mask stands where nothing is stored, or in a text or list that is otherwise changed.
    """
    return _unmasked_value("", document, stored, where)


def _unmasked_value(
    key: str, value: Any, known: Any, where: str, *, is_in_secret: bool = False
) -> Any:
    if known is not None and value == masked_value(key, known):
        return known
    is_in_secret = is_in_secret or is_secret(key)
    if isinstance(value, dict):
        parts = known if isinstance(known, dict) else {}
        is_named = is_named_secret(value) or is_named_secret(known)
        return {
            name: _unmasked_value(
                name,
                part,
                parts.get(name),
                f"{where}/{name}",
                is_in_secret=is_in_secret or (is_named and name == "value"),
            )
            for name, part in value.items()
        }
    if isinstance(value, list):
        return _unmasked_list(value, known, where, is_in_secret=is_in_secret)
    if isinstance(value, str) and _has_mask(value, is_in_secret=is_in_secret):
        raise Invalid(
            f"{where} has {MASK}, which only stands for the stored secret in an unchanged value; send the secret itself"
        )
    return value


def _unmasked_list(items: list[Any], known: Any, where: str, *, is_in_secret: bool) -> list[Any]:
    """Restore items wherever they have moved; one that was changed only if the list kept its length."""
    stored = known if isinstance(known, list) else []
    places = stored if len(stored) == len(items) else [None] * len(items)
    found = []
    for number, (item, here) in enumerate(zip(items, places, strict=True)):
        twins = [
            one for one in (here, *stored) if one is not None and item == masked_value("", one)
        ]
        is_clear = bool(twins) and (twins[0] is here or all(one == twins[0] for one in twins))
        place = f"{where}/{number}"
        found.append(
            twins[0]
            if is_clear
            else _unmasked_value(
                "", item, here, place, is_in_secret=is_in_secret or item == MASK
            )  # a whole item is hidden where it is the word behind an option
        )
    return found


def _has_mask(text: str, *, is_in_secret: bool) -> bool:
    secrets = [text] if is_in_secret else []

    def see(secret: str) -> str:
        secrets.append(secret)
        return secret

    replace_secrets(text, see)
    return MASK in secrets

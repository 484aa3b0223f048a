"""What a Redfish service says of its BIOS attributes (DMTF DSP2046, AttributeRegistry): types, choices, bounds; and values checked by it. The checks are pure."""

from collections.abc import Mapping
from typing import Any

from sushy.resources.base import ResourceBase

from controller.bmc.redfish_document import Document, dig, link, listed, read_if_there, text
from controller.hardware.firmware import BiosSetting

_ENGLISH = "en"
_USUAL_NAME = "BiosAttributeRegistry"
"""Of the registry where the BIOS does not name it (NVIDIA GH200)."""
_MOST_ATTRIBUTES = 5000
_MOST_CHOICES = 1000
_WORDS = {"true": True, "yes": True, "false": False, "no": False}

Value = str | int | bool | None


def read_registry(near: ResourceBase, bios: Document) -> Mapping[str, BiosSetting]:
    """Return what is known of each attribute, by name; empty where the BMC has no registry for its BIOS.

    Only the one registry is read: sushy would read all that a BMC has, some thirty.
    """
    wanted = text(bios.body, "AttributeRegistry") or _USUAL_NAME
    for path in _locations(near, wanted):
        found = read_if_there(near, path)
        if found is not None:
            return parse_registry(found.body)
    return {}


def parse_registry(document: Mapping[str, Any]) -> Mapping[str, BiosSetting]:
    """Return the attributes of a registry, by name, without values."""
    told = dig(document, "RegistryEntries", "Attributes")
    entries = told[:_MOST_ATTRIBUTES] if isinstance(told, list) else []
    found = {}
    for entry in entries:
        name = dig(entry, "AttributeName")
        if isinstance(name, str):
            found[name] = BiosSetting(
                name=name,
                value=None,
                attribute_type=text(entry, "Type"),
                allowable_values=_choices(dig(entry, "Value")),
                lower_bound=_number(dig(entry, "LowerBound")),
                upper_bound=_number(dig(entry, "UpperBound")),
                min_length=_number(dig(entry, "MinLength")),
                max_length=_number(dig(entry, "MaxLength")),
                read_only=_truth(dig(entry, "ReadOnly")),
                reset_required=_truth(dig(entry, "ResetRequired")),
                unique=_truth(dig(entry, "IsSystemUniqueProperty")),
            )
    return found


def typed(written: Any, known: BiosSetting | None, now: Any) -> Value:
    """Return a value that a client asked for as the BMC takes it: clients of Ironic write numbers and truths as texts.

    Args:
        written: What was asked for.
        known: The attribute in the registry; ``None`` = it is not there.
        now: Its value, whose type counts where the registry says nothing.

    Raises:
        ValueError: The attribute cannot have it; the text says why.
    """
    kind = (known and known.attribute_type) or _kind_of(now)
    if known is not None and known.read_only:
        raise ValueError("it can be read only")
    if kind == "Boolean":
        return _as_truth(written)
    if kind == "Integer":
        return _as_number(written, known)
    if not isinstance(written, str):
        raise ValueError("it takes a text")  # noqa: TRY004  # all mistakes are told alike
    if known is not None:
        _require_fits(written, known)
    return written


def _require_fits(written: str, known: BiosSetting) -> None:
    choices = known.allowable_values
    if known.attribute_type == "Enumeration" and choices and written not in choices:
        raise ValueError(f"it takes one of {', '.join(choices[:20])}")
    if known.attribute_type == "Enumeration":
        return
    least, most = known.min_length, known.max_length
    if (least is not None and len(written) < least) or (most is not None and len(written) > most):
        raise ValueError(
            f"it takes {least or 0} to {most if most is not None else 'any number of'} characters"
        )


def _as_truth(written: Any) -> bool:
    if isinstance(written, bool):
        return written
    found = _WORDS.get(str(written).lower())
    if found is None:
        raise ValueError("it takes true or false")
    return found


def _as_number(written: Any, known: BiosSetting | None) -> int:
    try:
        number = int(str(written)) if not isinstance(written, bool) else None
    except ValueError:
        number = None
    if number is None:
        raise ValueError("it takes a whole number")
    least, most = (known.lower_bound, known.upper_bound) if known else (None, None)
    if most is not None and most < (least or 0):  # an overflow of theirs (NVIDIA GH200 has -1)
        most = None
    if (least is not None and number < least) or (most is not None and number > most):
        raise ValueError(
            f"it takes {'any number' if least is None else least} to {'any' if most is None else most}"
        )
    return number


def _kind_of(now: Any) -> str:
    if isinstance(now, bool):
        return "Boolean"
    return "Integer" if isinstance(now, int) else "String"


def _locations(near: ResourceBase, wanted: str) -> list[str]:
    """Return where the registry may be, the most likely first: versions in names differ (Dell: v1_0_3 is in v1_0_0)."""
    stem = wanted.split(".", 1)[0]
    registries = listed(near, link(near.root.json, "Registries"))
    names = {path: path.rstrip("/").rsplit("/", 1)[-1] for path in registries}
    alike = [path for path, name in names.items() if name.split(".", 1)[0] == stem]
    found = []
    for path in sorted(alike, key=lambda one: names[one] != wanted):
        file = read_if_there(near, path)
        places = dig(file.body, "Location") if file else None
        for place in places if isinstance(places, list) else []:
            uri = text(place, "Uri")
            if uri and (text(place, "Language") or _ENGLISH).lower().startswith(_ENGLISH):
                found.append(uri)
    return found


def _choices(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    names = (text(one, "ValueName") or text(one, "ValueDisplayName") for one in value)
    return tuple(name for name in names if name)[:_MOST_CHOICES]


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None

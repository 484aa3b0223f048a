"""The metadata document (OData CSDL 4.0): references to DMTF's schemas for every type that the service uses."""

import functools
import re
from collections.abc import Mapping

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_DMTF = "http://redfish.dmtf.org/schemas/v1"


def metadata(types: Mapping[str, None]) -> str:
    """Return the XML for types such as ``#Bios.v1_2_1.Bios``."""
    references = "".join(
        f'  <edmx:Reference Uri="{_DMTF}/{name}_v1.xml">\n'
        f'    <edmx:Include Namespace="{name}"/>\n'
        + (f'    <edmx:Include Namespace="{name}.{version}"/>\n' if version else "")
        + "  </edmx:Reference>\n"
        for name, version in sorted(map(_parts, types))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<edmx:Edmx xmlns:edmx="{_EDMX}" Version="4.0">\n{references}'
        '  <edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/RedfishExtensions_v1.xml">\n'
        '    <edmx:Include Namespace="RedfishExtensions.v1_0_0" Alias="Redfish"/>\n'
        "  </edmx:Reference>\n"
        f'  <edmx:DataServices>\n    <Schema xmlns="{_EDM}" Namespace="Service">\n'
        '      <EntityContainer Name="Service" Extends="ServiceRoot.v1_17_0.ServiceContainer"/>\n'
        "    </Schema>\n  </edmx:DataServices>\n</edmx:Edmx>\n"
    )


@functools.cache
def _parts(kind: str) -> tuple[str, str]:
    match = re.fullmatch(r"#(\w+)(?:\.(v\w+))?\.\w+", kind)
    if match is None:
        raise ValueError(f"{kind!r} is no type of Redfish")
    return match[1], match[2] or ""

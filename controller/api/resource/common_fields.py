"""Fields that nearly every resource has."""

from controller.api.documents import values
from controller.api.resource.field import Field
from controller.api.resource.shapes import as_date


def identity(since: int = 1) -> tuple[Field, ...]:
    """Return the UUID, which a creation may choose, and the two dates."""
    return (
        Field(name="uuid", since=since, check=values.uuid, is_patchable=False, is_sortable=True),
        Field(name="created_at", since=since, show=as_date, is_sortable=True),
        Field(name="updated_at", since=since, show=as_date, is_sortable=True),
    )

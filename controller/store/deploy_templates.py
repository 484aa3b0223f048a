"""Deploy templates: steps under the name of a trait; an instance that wants the trait gets them in its deployment."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from controller.store.base import Base, JsonObject
from controller.store.sealing import SealedList


class DeployTemplate(Base):
    """A named list of deploy steps."""

    __tablename__ = "deploy_templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    name: Mapped[str] = mapped_column(String(255), unique=True)
    """A trait."""
    steps: Mapped[list[Any]] = mapped_column(SealedList("steps"))
    """``interface``, ``step``, ``args`` and ``priority`` (a number) of each."""
    extra: Mapped[JsonObject] = mapped_column(default=dict)


def templates_named(session: Session, names: Collection[str]) -> tuple[DeployTemplate, ...]:
    """Return the templates with one of these names, in the order in which they were made."""
    query = select(DeployTemplate).where(DeployTemplate.name.in_(names))
    return tuple(session.scalars(query.order_by(DeployTemplate.id)))

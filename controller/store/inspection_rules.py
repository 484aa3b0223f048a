"""Inspection rules: what administrators want done with what an inspection found."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from controller.store.base import Base
from controller.store.sealing import SealedWhole


class InspectionRule(Base):
    """Conditions, and actions that are carried out where all of them hold."""

    __tablename__ = "inspection_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    created_at: Mapped[float]
    updated_at: Mapped[float | None]
    description: Mapped[str | None] = mapped_column(String(255))
    priority: Mapped[int] = mapped_column(default=0)
    """Higher ones come first."""
    sensitive: Mapped[bool] = mapped_column(default=False)
    """Conditions and actions are never shown again."""
    phase: Mapped[str] = mapped_column(String(16))
    conditions: Mapped[list[Any]] = mapped_column(SealedWhole("conditions"))
    actions: Mapped[list[Any]] = mapped_column(SealedWhole("actions"))

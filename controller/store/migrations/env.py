"""Alembic's environment: the connection comes from ``controller/store/migrate.py``."""

from alembic import context

from controller.store.chassis import Chassis
from controller.store.tables import Base

assert Chassis.metadata is Base.metadata  # noqa: S101  # its table is known

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""Alembic's environment: the connection comes from ``controller/store/migrate.py``."""

from alembic import context

from controller.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

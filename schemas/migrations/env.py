"""Where Alembic finds the connection: the caller has opened it, and its transaction, already."""

from alembic import context

from schemas import database

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=database.file.metadata,
    version_table="edi834_version",
)

with context.begin_transaction():
    context.run_migrations()

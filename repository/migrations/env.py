"""Alembic's entry: runs on the connection it is given."""

from alembic import context

from repository.database import metadatas

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=list(metadatas()),
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()

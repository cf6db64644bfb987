"""Alembic's entry: runs on the connection it is given."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from repository.database import metadatas


def render_item(kind: str, item: object, _autogen_context: AutogenContext) -> str | Literal[False]:
    """Write our column types as what the database keeps, so that migrations never import today's code."""
    if kind == "type" and type(item).__name__ == "Instant":
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=list(metadatas()),
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()

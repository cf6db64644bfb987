"""A scope may have several keys, one of which wraps; the others are superseded, then retired.

Revision: 0004; follows: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STANDS = sa.text("superseded_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("scope_key", schema=None) as batch_op:
        batch_op.add_column(sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_constraint(op.f("uq_scope_key_scope"), type_="unique")
    op.create_index(
        "uq_scope_key_standing_scope",
        "scope_key",
        ["scope"],
        unique=True,
        sqlite_where=_STANDS,
        postgresql_where=_STANDS,
    )


def downgrade() -> None:
    op.drop_index("uq_scope_key_standing_scope", table_name="scope_key")
    with op.batch_alter_table("scope_key", schema=None) as batch_op:
        batch_op.create_unique_constraint(op.f("uq_scope_key_scope"), ["scope"])
        batch_op.drop_column("retired_at")
        batch_op.drop_column("superseded_at")

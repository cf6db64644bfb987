"""Exchange: turns to import, files that wait, and all that an entry file says of a candidate.

Revision: 0012; follows: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import moderation.tables.base

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ONCE = "uq_import_file_series_key_centre_number_kind_sequence"


def upgrade() -> None:
    op.create_table(
        "import_turn",
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column("centre_number", sa.String(5), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("turns", sa.Integer(), server_default="1", nullable=False),
        sa.Column("taken_at", moderation.tables.base.Instant(timezone=True), nullable=False),
        sa.Column("taken_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("series_key", "centre_number", "kind", name=op.f("pk_import_turn")),
    )
    op.create_table(
        "waiting_file",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column("centre_number", sa.String(5), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("arrived_at", moderation.tables.base.Instant(timezone=True), nullable=False),
        sa.Column("arrived_by", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["series_key"], ["series.key"], name=op.f("fk_waiting_file_series_key_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_file")),
        sa.UniqueConstraint(
            "series_key",
            "centre_number",
            "kind",
            "sequence",
            name=op.f("uq_waiting_file_series_key_centre_number_kind_sequence"),
        ),
    )
    op.create_index(_ONCE, "import_file", ["series_key", "centre_number", "kind", "sequence"], unique=True)
    with op.batch_alter_table("candidate") as batch:
        batch.add_column(sa.Column("upn", sa.String(13), server_default="", nullable=False))
        batch.add_column(sa.Column("uln", sa.String(10), server_default="", nullable=False))
        batch.add_column(sa.Column("status", sa.String(1), server_default="C", nullable=False))
    with op.batch_alter_table("entry") as batch:
        batch.add_column(sa.Column("flag", sa.String(1), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("entry") as batch:
        batch.drop_column("flag")
    with op.batch_alter_table("candidate") as batch:
        for name in ("status", "uln", "upn"):
            batch.drop_column(name)
    op.drop_index(_ONCE, "import_file")
    op.drop_table("waiting_file")
    op.drop_table("import_turn")

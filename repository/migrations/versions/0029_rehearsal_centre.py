"""Practice centres: of whom, since when, until when. The row stays when everything else of one is gone.

Revision: 0029; follows: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.tables import Instant

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "practice_centre",
        sa.Column("centre_number", sa.String(5), primary_key=True),
        sa.Column("series_key", sa.String(12), nullable=False),
        sa.Column(
            "person_id",
            sa.String(36),
            sa.ForeignKey("person.id", name="fk_practice_centre_person_id_person"),
            nullable=False,
            index=True,
        ),
        sa.Column("home_assignment_id", sa.String(36), nullable=False),
        sa.Column("assignment_id", sa.String(36), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("wiped_at", Instant()),
    )


def downgrade() -> None:
    op.drop_table("practice_centre")

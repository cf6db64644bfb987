"""Packets of postal samples: which case the work in a packet is of, and the parcel that it was posted as.

Parcels from before have no packet: nobody printed a label for them, and none is invented.

Revision: 0038; follows: 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sample_packet",
        sa.Column("packet_id", sa.String(36), primary_key=True),
        sa.Column("case_id", sa.String(36), nullable=False, index=True),
        sa.Column("consignment_id", sa.String(36)),
        sa.ForeignKeyConstraint(["packet_id"], ["packet.id"], name="fk_sample_packet_packet_id_packet"),
        sa.ForeignKeyConstraint(["case_id"], ["moderation_case.id"], name="fk_sample_packet_case_id_moderation_case"),
        sa.ForeignKeyConstraint(
            ["consignment_id"], ["consignment.id"], name="fk_sample_packet_consignment_id_consignment"
        ),
        sa.UniqueConstraint("consignment_id", name="uq_sample_packet_consignment_id"),
    )


def downgrade() -> None:
    op.drop_table("sample_packet")

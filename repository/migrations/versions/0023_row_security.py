"""Row security: what somebody reaches is found from the centre of a case, and from the reviews they were given.

The policies themselves are put up at the end of every migration (``repository.scoping.row_security``), as guards are.

Revision: 0023; follows: 0022
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


_INDEXES = (
    ("ix_moderation_case_centre_number", "moderation_case", "centre_number"),
    ("ix_review_request_reviewer", "review_request", "reviewer"),
    ("ix_panel_member_person_id", "panel_member", "person_id"),
)


def upgrade() -> None:
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])


def downgrade() -> None:
    for name, table, _ in _INDEXES:
        op.drop_index(name, table_name=table)

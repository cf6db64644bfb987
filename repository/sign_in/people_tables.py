"""Tables of managing people: what teachers teach, invitations, resets, roles that two people give, contacts.

Of links that are sent by mail, and of codes that are told by another way, hashes are kept only.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from repository.tables import Base, Instant, new_id


class Teaching(Base):
    """What a teacher teaches at the centre of an assignment; of nothing else does the teacher see anything.

    Each ``None`` means every one: a row with three of them is the whole centre, and a teacher without a row sees nothing.
    A row that is taken away is deleted; who gave and who took it is in the audit log.
    """

    __tablename__ = "teaching"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), index=True)
    series_key: Mapped[str | None] = mapped_column(String(12))
    component_code: Mapped[str | None] = mapped_column(String(12))
    teaching_set: Mapped[str | None] = mapped_column(String(20))
    """A teaching set of the centre's marks (``centre_mark.teaching_set``)."""


class PairedLink:
    """A link that was sent to an address, and a code that whoever made it tells by another way; neither is enough alone.

    Columns that invitations and resets share.
    """

    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    code_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Of the code under the link's token: whoever reads the database can try no codes without the mail."""
    failed_codes: Mapped[int] = mapped_column(default=0)
    email: Mapped[str] = mapped_column(String(320))
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    claim_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    """Of the token of the browser in which link and code came together; none before."""
    claim_expires_at: Mapped[datetime | None] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_by: Mapped[str | None] = mapped_column(String(64))


class Invitation(PairedLink, Base):
    """An invitation to a role. It grants nothing until it is accepted, and then to one account for good."""

    __tablename__ = "invitation"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    role: Mapped[str] = mapped_column(String(32))
    centre_number: Mapped[str | None] = mapped_column(String(5), index=True)
    name: Mapped[str] = mapped_column(String(200))
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    """The second officer, of a role that two people give."""
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"))
    """The account that accepted it."""


class Reset(PairedLink, Base):
    """A way back for somebody who lost their password or second factor, opened by a person above them or by themself."""

    __tablename__ = "sign_in_reset"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    needs_recovery_code: Mapped[bool] = mapped_column(default=False)
    """Asked for by the person alone: a recovery code of their own stands in the place of the told code."""


class RoleProposal(Base):
    """One officer's wish to give somebody a role that sees everything; only another officer can confirm it."""

    __tablename__ = "role_proposal"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    role: Mapped[str] = mapped_column(String(32))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    """Somebody who is here already; otherwise ``name`` and ``email`` say whom to invite."""
    name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(320), default="")
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> proposed_by", name="two_people"),
        CheckConstraint("(person_id IS NULL) = (email <> '')", name="one_subject"),
        CheckConstraint("confirmed_by IS NULL OR withdrawn_by IS NULL", name="one_end"),
    )


class NotificationContact(Base):
    """An office of a centre that notices go to by e-mail. It proves nothing about anybody and opens nothing."""

    __tablename__ = "notification_contact"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    centre_number: Mapped[str] = mapped_column(String(5), index=True)
    office: Mapped[str] = mapped_column(String(100))
    email: Mapped[str] = mapped_column(String(320))
    kinds: Mapped[list[str]] = mapped_column(JSON)
    code_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    failed_codes: Mapped[int] = mapped_column(default=0)
    added_at: Mapped[datetime] = mapped_column(Instant)
    verified_at: Mapped[datetime | None] = mapped_column(Instant)

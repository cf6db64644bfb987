"""Tables of signing in. Secrets are kept as hashes, or sealed; never as they are."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from repository.tables import Base, Instant, new_id

LOCAL = "local"
"""The issuer of accounts that this service keeps itself."""


class Account(Base):
    """One way of a person to sign in. Who it is, is (``issuer``, ``subject``) and never an address of e-mail.

    Of a local account ``subject`` is the sign-in name, in lower case.
    """

    __tablename__ = "account"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    """Where notices go; it proves nothing."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    disabled_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class SignInAttempt(Base):
    """A sign-in under way, bound to one browser by a cookie whose hash is the key: what was shown so far."""

    __tablename__ = "sign_in_attempt"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    methods: Mapped[list[str]] = mapped_column(JSON)
    next_path: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the person showed who they are, if that was before this began: at an identity provider. None means now."""

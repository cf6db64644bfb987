"""Tables of passkeys, and of tokens that school systems send. Of what is secret, hashes are kept only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from repository.sign_in.tables import Account
from repository.tables import Base, Instant, new_id

__all__ = ["Account", "ApiToken", "Integration", "Passkey", "PasskeyChallenge"]


class Passkey(Base):
    """A passkey of a local account. The secret stays on the person's device; here is what its answers are held against."""

    __tablename__ = "passkey"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))
    """What its owner calls it."""
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    credential_data: Mapped[bytes] = mapped_column(LargeBinary)
    """Model, id and public key, as WebAuthn's attested credential data."""
    counter: Mapped[int] = mapped_column(BigInteger)
    is_synced: Mapped[bool]
    """Whether a cloud of its maker keeps it for several devices."""
    transports: Mapped[list[str]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class PasskeyChallenge(Base):
    """A question that was put to a passkey: for one purpose, in the one browser whose cookie's hash is the key, once."""

    __tablename__ = "passkey_challenge"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    challenge: Mapped[bytes] = mapped_column(LargeBinary(32))
    purpose: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"), index=True)
    """Whose passkey must answer; of anybody at the start of a sign-in."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant, index=True)


class Integration(Base):
    """A system of a centre that sends tokens. In the log it is a person of its own, who can sign in to nothing."""

    __tablename__ = "integration"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    centre_number: Mapped[str] = mapped_column(String(5))
    name: Mapped[str] = mapped_column(String(60))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), unique=True)
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("centre_number", "name"),)


class ApiToken(Base):
    """A token of an integration. Each acts under an assignment of its own, which ends when the token does."""

    __tablename__ = "api_token"
    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    """The public part, which stands in the token itself."""
    integration_id: Mapped[str] = mapped_column(ForeignKey("integration.id"), index=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"), unique=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    grants: Mapped[list[str]] = mapped_column(JSON)
    network: Mapped[str | None] = mapped_column(String(43))
    """The addresses it may come from, such as 192.0.2.0/24; None for any."""
    made_by: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime | None] = mapped_column(Instant)
    last_refused_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    revoked_by: Mapped[str | None] = mapped_column(String(64))

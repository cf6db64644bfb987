"""Tables of local accounts: passwords, second factors, known devices, counts of failures, and the first start."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from repository.sign_in.tables import Account
from repository.tables import Base, Instant, new_id

__all__ = ["Account", "Failures", "KnownDevice", "LocalPassword", "OneTimeCode", "RecoveryCode", "SetUpLink"]


class LocalPassword(Base):
    """The password of a local account, as an Argon2id string that names its own parameters and salt."""

    __tablename__ = "local_password"
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    phc: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime] = mapped_column(Instant)


class OneTimeCode(Base):
    """The secret that an account shares with an authenticator app, sealed, and the last step whose code was used."""

    __tablename__ = "one_time_code"
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    enrolled_at: Mapped[datetime] = mapped_column(Instant)
    last_used_step: Mapped[int] = mapped_column(BigInteger)


class RecoveryCode(Base):
    """One of ten codes for the day the second factor is not at hand; each works once."""

    __tablename__ = "recovery_code"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    code_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("account_id", "code_sha256"),)


class KnownDevice(Base):
    """A browser in which an account signed in before; of its cookie the hash is kept. Several people may share it."""

    __tablename__ = "known_device"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_used_at: Mapped[datetime] = mapped_column(Instant)


class Failures(Base):
    """Failed tries against one thing (a name, an account's codes, a known device, an address), by a keyed hash of it."""

    __tablename__ = "sign_in_failures"
    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(Instant)


class SetUpLink(Base):
    """The one-time link of the first start; keyed by the hash of its token."""

    __tablename__ = "set_up_link"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)

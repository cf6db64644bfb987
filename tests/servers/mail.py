"""A real mail server for tests: it keeps what it takes, asks for TLS or a password where told, and can be made to refuse."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from .seaweed import free_ports

USER, PASSWORD = "nea-test", "a password of the tests"


@dataclass
class MailServer:
    """What the server took, and what it answers next: ``to_recipient`` by address, ``to_data`` in the order of messages.

    An answer of None ends the connection without a word, after the whole message was read.
    """

    port: int = 0
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    to_recipient: dict[str, list[str]] = field(default_factory=dict)
    to_data: list[str | None] = field(default_factory=list)
    to_sender: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_MAIL(self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.to_sender:
            return self.to_sender.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.to_recipient.get(address):
            return self.to_recipient[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.to_data.pop(0) if self.to_data else "250 Taken"
        if answer is not None and not answer.startswith("2"):
            return answer
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken += [(address, message) for address in envelope.rcpt_tos]
        line = server.transport.get_extra_info("ssl_object") if server.transport else None
        self.encrypted.append(session.ssl is not None or line is not None)
        if answer is None:
            server.transport.abort()
            return "250 Nobody hears this"
        return answer

    def to(self, address: str) -> list[EmailMessage]:
        """Return what was taken for an address."""
        return [message for one, message in self.taken if one == address]


@contextmanager
def running_mail_server(
    *, port: int = 0, tls: str = "none", certificate: Path | None = None, asks_password: bool = False
) -> Iterator[MailServer]:
    """Run a server on loopback. ``tls`` is none, starttls or implicit, with ``certificate``, a file made below."""
    keeper = MailServer()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    controller = Controller(
        keeper,
        hostname="127.0.0.1",
        port=port or free_ports(1)[0],
        ssl_context=context if tls == "implicit" else None,
        tls_context=context if tls == "starttls" else None,
        require_starttls=tls == "starttls",
        auth_required=asks_password,
        auth_require_tls=tls == "starttls",
        authenticator=knows if asks_password else None,
    )
    controller.start()
    keeper.port = controller.port
    try:
        yield keeper
    finally:
        controller.stop()


def make_certificates(folder: Path, *, host: str = "127.0.0.1", days: int = 1) -> tuple[Path, Path]:
    """Make an authority and a certificate of a server; returns the authority's file, and the server's with its key."""
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    ca = (
        x509.CertificateBuilder()
        .subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(host))] if host[0].isdigit() else [x509.DNSName(host)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_file, server_file = folder / f"ca-{host}-{days}.pem", folder / f"server-{host}-{days}.pem"
    ca_file.write_bytes(ca.public_bytes(Encoding.PEM))
    server_file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return ca_file, server_file


@dataclass
class RawServer:
    """A server of lines that is not a proper one: it greets, and then stops, or goes in the middle of a message."""

    how: str
    port: int = 0
    connections: int = 0

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.how == "silent":
                await reader.read()
                return
            writer.write(b"220 here\r\n")
            while line := await reader.readline():
                word = line[:4].upper().strip()
                if word == b"DATA":
                    writer.write(b"354 go on\r\n")
                    if self.how == "goes":
                        await reader.read(100)
                        return
                    await reader.read()  # it takes everything and never answers
                    return
                writer.write(b"250 OK\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

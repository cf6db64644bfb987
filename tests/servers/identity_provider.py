"""The certified OpenID provider (npm `oidc-provider`) as a process of its own, on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import playwright

from ..patience import PATIENCE_SECONDS
from .seaweed import free_ports

FOLDER = Path(__file__).parent / "oidc"
NODE = Path(playwright.__file__).parent / "driver" / "node"
"""The Node.js that Playwright brings: the same on every machine, and new enough for the provider."""
CLIENT_ID = "nea-repository"
CLIENT_SECRET = "a-secret-of-tests-that-is-long-enough"


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A running provider. `localhost`, where the service is at 127.0.0.1: another site to a browser, as in life."""

    address: str


@contextmanager
def running_identity_provider(folder: Path, service: str, people: Mapping[str, Any]) -> Iterator[IdentityProvider]:
    """Run the provider for a service at the address `service`, with these people, until the block ends."""
    (port,) = free_ports(1)
    address = f"http://localhost:{port}"
    path = f"{service}/sign-in/provider/school"
    client = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [f"{path}/answer"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "backchannel_logout_uri": f"{path}/logout",
        "backchannel_logout_session_required": True,
    }
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        raise RuntimeError(
            "the identity provider of the tests is not installed: infra/test does, or npm ci in its folder"
        )
    log = folder / "identity-provider.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(NODE), str(FOLDER / "provider.mjs")],
            env={
                "PATH": os.defpath,
                "SETUP": json.dumps({"port": port, "issuer": address, "client": client, "people": dict(people)}),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while "ready\n" not in log.read_text("utf-8", "replace"):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"the identity provider did not start:\n{log.read_text('utf-8', 'replace')}")
            time.sleep(0.05)
        yield IdentityProvider(address)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

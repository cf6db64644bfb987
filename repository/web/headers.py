"""The headers that every answer carries: of pages, of data, of uploaded bytes, and of what the parser refused."""

from __future__ import annotations

from collections.abc import Mapping

from repository.settings import Settings

REPORTS = "/content-policy-reports"
"""Where browsers report what the content security policy stopped."""
FEATURES = (
    "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), "
    "encrypted-media=(), fullscreen=(self), gamepad=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), "
    "local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), "
    "publickey-credentials-create=(self), publickey-credentials-get=(self), screen-wake-lock=(), serial=(), usb=(), "
    "xr-spatial-tracking=()"
)
ALWAYS: Mapping[str, str] = {
    "Server": "NEA",  # and not the library's version
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": FEATURES,
    "Cache-Control": "no-store",
}
DATA_POLICY = "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Of answers that are no page: nothing in them may run, load, be framed or be sent."""
CONTENT_POLICY = f"sandbox; {DATA_POLICY}; img-src 'self'; media-src 'self'"
"""Of uploaded bytes, whatever they turn out to be: a page made of them has no origin and no scripts."""


def page_policy(nonce: str, content_origin: str) -> str:
    """Return the policy of our own pages.

    Our files only, scripts by nonce, pictures and films of documents from the content host, nothing framed either way.
    No string becomes script or markup: our scripts and the Design System's need no Trusted Types policy, so none may be made.
    """
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
        f"img-src 'self' data: {content_origin}; media-src {content_origin}; font-src 'self'; connect-src 'self'; "
        "frame-src 'none'; object-src 'none'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
        f"report-uri {REPORTS}"  # which every browser has; where report-to stands beside it, some wait with their reports
    )


def kept_policy(nonce: str, content_origin: str) -> str:
    """Return the policy of a page that opens without a line: as of any page, and its service worker may be registered.

    That is by the one Trusted Types policy there is, which gives that one address.
    """
    return (
        page_policy(nonce, content_origin)
        .replace("manifest-src 'self';", "manifest-src 'self'; worker-src 'self';")
        .replace("trusted-types 'none'", "trusted-types nea-worker")
    )


def phone_policy(nonce: str, content_origin: str) -> str:
    """Return the policy of the page that logs despatch on a phone: as of any page, and what working off line needs.

    Its service worker may be registered, the reader of barcodes may be compiled from our own file, and the camera's
    picture may be shown.
    """
    return (
        kept_policy(nonce, content_origin)
        .replace("'strict-dynamic';", "'strict-dynamic' 'wasm-unsafe-eval';")
        .replace(f"media-src {content_origin};", f"media-src {content_origin} blob:;")
        .replace(f"img-src 'self' data: {content_origin};", f"img-src 'self' data: blob: {content_origin};")
    )


WORKER_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Of the service worker of a page that opens without a line: it fetches our own files, and nothing else."""
PHONE_FEATURES = FEATURES.replace("camera=()", "camera=(self)")


def of_application(settings: Settings, policy: str) -> dict[str, str]:
    """Return the headers of an answer of pages and API under a content security policy."""
    return {
        **ALWAYS,
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "same-origin",
        **_by_https(settings),
    }


def of_content(settings: Settings) -> dict[str, str]:
    """Return the headers of an answer of the content host.

    Pages of the application may load it, pages of other sites may not. On loopback the two names are two sites, so there
    the resource policy must be wider; the pass and ``Sec-Fetch-Dest`` decide in both cases.
    """
    return {
        **ALWAYS,
        "Content-Security-Policy": CONTENT_POLICY,
        "Cross-Origin-Resource-Policy": "cross-origin" if settings.on_loopback else "same-site",
        "Cache-Control": "private, no-store",
        **_by_https(settings),
    }


def _by_https(settings: Settings) -> dict[str, str]:
    return {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"} if settings.secure_cookies else {}

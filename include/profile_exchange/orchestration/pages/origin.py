"""Requests that change something come from our own pages.

Airflow's cookie is ``SameSite=Lax`` and there is no CSRF token; what browsers say about where a
form comes from is what tells our pages from somebody else's.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import HTTPException, Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORBIDDEN = 403


def check_origin(request: Request) -> None:
    """Refuse a request that changes something and names another origin than ours, or none."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("origin")
    if origin is None or origin.lower() not in _own_origins(request):
        raise HTTPException(
            FORBIDDEN, "This came from another site, or from none: use the form on our own page."
        )


def _own_origins(request: Request) -> set[str]:
    """Airflow's address as it is configured, and as this browser knows it."""
    configured = urlsplit(conf.get("api", "base_url", fallback=""))
    asked = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return {f"{configured.scheme}://{configured.netloc}".lower(), asked.lower()} - {"://"}

"""The routes of a service: /ping, /invocations and /metrics."""

from __future__ import annotations

import time

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from gluon_ssd.serving import computing
from gluon_ssd.serving.bodies import pass_over_body, read_body
from gluon_ssd.serving.contract import JSON, Refused, check_content_type, form_for
from gluon_ssd.serving.service import Service

# A body that was refused for what it holds was read to its end; others may not have been.
_READ_TO_THE_END = 400


def create_app(service: Service) -> FastAPI:
    """The ASGI application of a service.

    It has no pages of its own: neither documentation nor a schema.
    """
    app = FastAPI(title="gluon-ssd", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/ping", response_model=None)
    async def ping() -> Response:
        """200 while requests are taken, else 503."""
        try:
            service.check_ready()
        except Refused as refused:
            return _refusal(refused)
        return Response(status_code=200)

    @app.get("/metrics", response_model=None)
    async def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(service.metrics.text(), media_type=service.metrics.content_type)

    async def invocations(request: Request) -> Response:
        """An image in the body; what was found in it comes back."""
        start = time.perf_counter()
        try:
            body, form = await _answer(service, request)
        except Refused as refused:
            service.metrics.answered(refused.status)
            return _refusal(refused)
        service.metrics.answered(200, time.perf_counter() - start)
        return Response(body, media_type=form)

    # A plain route: FastAPI's own looks up what a function depends on for every request.
    app.add_route("/invocations", invocations, methods=["POST"])

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        """No such path, or another method."""
        service.metrics.answered(error.status_code)
        reason = f"{error.detail}: there are GET /ping, GET /metrics and POST /invocations"
        return _refusal(Refused(error.status_code, reason), dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        """A fault of this program, which goes on to the log as well."""
        service.metrics.answered(500)
        return _refusal(Refused(500, "a fault of the service; its log says more"))

    return app


async def _answer(service: Service, request: Request) -> tuple[bytes, str]:
    """The answer and its type. Raises Refused."""
    is_read = False
    try:
        with service.let_in() as batcher:
            form = form_for(request.headers.get("accept"))
            check_content_type(request.headers.get("content-type"))
            is_read = True
            body = await read_body(request, service.limits)
            return await batcher.answer(computing.Request(body, form)), form
    except Refused:
        if not is_read:
            await pass_over_body(request, service.limits)
        raise


def _refusal(refused: Refused, headers: dict[str, str] | None = None) -> Response:
    headers = {**(headers or {}), **refused.headers}
    if refused.status != _READ_TO_THE_END:
        headers["Connection"] = "close"
    return Response(refused.body, refused.status, headers, media_type=JSON)

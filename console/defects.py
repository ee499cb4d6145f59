"""Defects of ours: an entry in the log without any value, and a page that says so."""

from collections.abc import Awaitable, Callable

import structlog
from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()


class Defects:
    """Answers what nothing else has caught. Tracebacks are not logged: they may hold values."""

    def __init__(self, app: ASGIApp, answer: Callable[[Request, str], Awaitable[Response]]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        has_begun = False

        async def noticed(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends here
            kind = type(error).__name__
            log.error("defect", kind=kind, at=_place(error), route=_route(scope))  # noqa: TRY400
            if has_begun or scope["type"] != "http":
                return
            answer = await self.answer(Request(scope, receive), kind)
            await answer(scope, receive, send)


def _place(error: Exception) -> str:
    """File and line at which it was raised."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    if step is None:
        return ""
    return f"{step.tb_frame.f_code.co_filename}:{step.tb_lineno}"


def _route(scope: Scope) -> str:
    """The route's path, which names no value."""
    return str(getattr(scope.get("route"), "path", ""))

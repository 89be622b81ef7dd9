"""`/domain`: what is recommended here, in words."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from serving import operate_examples as examples
from serving import operate_models as models
from serving.http.openapi import answers, problems
from serving.routes.api import api_of, json, router_of

router = router_of()


@router.get(
    "/domain",
    tags=["catalogue"],
    summary="What is recommended here, in words",
    response_model=None,
    responses={**answers(models.DomainWords, examples.DOMAIN, "Words, stars and links"), **problems(422)},
)
async def domain(request: Request) -> Response:
    """Of the file that `MARQUEE_DOMAIN` names: a page that speaks by it speaks of books or products as well as of films."""
    return json(api_of(request).operating.domain)

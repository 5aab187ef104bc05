"""The addresses of the tree, as C2SP's tlog-tiles has them, and of its proofs. Parses and answers; hashes nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from services.audit.application.trees import Trees
from services.audit.domain.tree.tiles import ADDRESS
from shared.decider import Rejected
from shared.runtime.asking import Session, Token, identify

router = APIRouter(prefix="/audit/tree")

_TEXT = "text/plain; charset=utf-8"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
"""Of tiles, which never change. The checkpoint does: it is asked for anew."""
_ANEW = {"Cache-Control": "no-cache"}

_TEXT_TOO: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_TILE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


async def trees(request: Request, _token: Token, _session: Session) -> Trees:
    """Return the trees, where whoever asks may read them: with a token, unless the operator has opened them to everybody."""
    found: Trees = request.app.state.trees
    if not found.public:
        await found.authorise(await identify(request))
    return found


Open = Annotated[Trees, Depends(trees)]


@router.get("/checkpoint", name="read_tree", responses=_TEXT_TOO, response_class=Response)
async def read_checkpoint(tree: Open) -> Response:
    """Hand out the newest checkpoint: origin, size and root, signed. It covers each record at most 10 s after it."""
    return Response(await tree.file("checkpoint"), media_type=_TEXT, headers=_ANEW)


@router.get("/key", name="read_tree", responses=_TEXT_TOO, response_class=Response)
async def read_key(tree: Open) -> Response:
    """Hand out the public key of the checkpoints, as verifiers take it. Take it by a second way, too, before you trust it."""
    return Response(await tree.file("key"), media_type=_TEXT, headers=_ANEW)


@router.get("/previous", name="read_tree", responses=_TEXT_TOO, response_class=Response)
async def read_previous(tree: Open) -> Response:
    """Hand out the last checkpoint of the tree before this one, where the log was restored from a backup."""
    return Response(await tree.file("previous"), media_type=_TEXT, headers=_ANEW)


@router.get("/tile/{place:path}", name="read_tree", responses=_TILE, response_class=Response)
async def read_tile(tree: Open, place: str) -> Response:
    """Hand out a tile (``0/x001/234``, ``0/x001/234.p/112``) or a bundle of entries (``entries/x001/234``)."""
    path = f"tile/{place}"
    if not ADDRESS.fullmatch(path):
        raise Rejected("tree_part_unknown")
    return Response(await tree.file(path), media_type="application/octet-stream", headers=_FOR_EVER)


@router.get("/proof", name="read_tree", responses=_TEXT_TOO)
async def read_proof(
    tree: Open,
    position: Annotated[int, Query(ge=1, description="Of the record, as the receipt of a command says it.")],
    size: Annotated[int | None, Query(ge=1, description="Of the tree; without it that of the checkpoint.")] = None,
    form: Annotated[Literal["json", "tlog-proof"], Query(alias="format")] = "json",
) -> Response:
    """Prove that the record at a position is in the tree: as JSON, or as the text of C2SP's tlog-proof at the checkpoint's size."""
    if form == "tlog-proof":
        return Response(await tree.proof_text(position), media_type=_TEXT, headers=_ANEW)
    return JSONResponse(await tree.proof(position, size), headers=_ANEW)


@router.get("/consistency", name="read_tree")
async def read_consistency(
    tree: Open,
    old: Annotated[int, Query(ge=0, alias="from", description="A size of the tree, as an older checkpoint has it.")],
    new: Annotated[int, Query(ge=0, alias="to", description="A later size.")],
) -> JSONResponse:
    """Prove that the tree of an older checkpoint is the beginning of that of a later one."""
    return JSONResponse(await tree.consistency(old, new), headers=_ANEW)

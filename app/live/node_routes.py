"""The relay nodes for their operators: how they are, and how to end one without ending a lesson."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from app.accounts.gates import may
from app.accounts.permissions import Action
from app.accounts.rules import Principal
from app.audit import service as audit
from app.audit.rules import Act, Facts
from app.database import CALLER_ADDRESS, address_of
from app.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable, responses
from app.live.coordinator import Coordinator
from app.live.fleet import Fleet
from app.live.nodes import NodeState, NodeStatus
from app.live.signalling import coordinator_of
from app.schemas import Input, Output, example

router = APIRouter(prefix="/api/v1/relay-nodes", tags=["relay nodes"])

_NODE = {
    "index": 0,
    "port": 8189,
    "state": "ready",
    "pid": 4711,
    "lessons": 14,
    "sessions": 112,
    "stress": 0.31,
}

Index = Annotated[int, Path(ge=0, le=63, description="The node's number, from 0")]


class RelayNodeOut(Output):
    """A process that forwards lessons' media."""

    index: int
    port: int = Field(description="Of its media, UDP and TCP")
    state: NodeState = Field(
        description="draining: no new lessons, ended when those it has are over; released: not running"
    )
    pid: int | None
    lessons: int
    sessions: int
    stress: float | None = Field(
        description="From 0, idle, to 1, where lessons suffer; read every five seconds"
    )

    model_config = example(_NODE)

    @classmethod
    def of(cls, node: NodeStatus) -> "RelayNodeOut":
        return cls(**asdict(node))


class RelayNodesOut(Output):
    """All relay nodes of this server."""

    items: list[RelayNodeOut]

    model_config = example({"items": [_NODE]})


class DrainIn(Input):
    """How to empty a relay node."""

    move: bool = Field(
        False, description="Let its lessons go on at other nodes at once, with a second's interruption"
    )
    release: bool = Field(False, description="Do not start it again when it is empty")

    model_config = example({"move": True, "release": False})


@router.get("", summary="List relay nodes", responses=responses(Unauthenticated, Forbidden, Unavailable))
async def list_relay_nodes(
    request: Request, principal: Annotated[Principal, may(Action.RELAY_SHOW)]
) -> RelayNodesOut:
    """The processes that forward media, whatever counties they serve: state, load and stress of each."""
    return RelayNodesOut(items=[RelayNodeOut.of(node) for node in _fleet(request).nodes()])


@router.post(
    "/{index}/drain",
    summary="Empty a relay node",
    responses=responses(Unauthenticated, Forbidden, NotFound, Conflict, Unavailable),
)
async def drain_relay_node(
    request: Request,
    principal: Annotated[Principal, may(Action.RELAY_DRAIN)],
    index: Index,
    body: DrainIn | None = None,
) -> RelayNodeOut:
    """No new lesson comes to the node; those it has go on until they are over. Then it is started afresh.

    Asking again changes how: with `move` what is still there moves now.
    """
    how = body or DrainIn()
    node = await _fleet(request).drain(index, release=how.release, move=how.move)
    await run_in_threadpool(
        _note, request, principal, Act.RELAY_DRAINED, {"node": index, **how.model_dump(mode="json")}
    )
    return RelayNodeOut.of(node)


@router.delete(
    "/{index}/drain",
    summary="Use a relay node again",
    responses=responses(Unauthenticated, Forbidden, NotFound, Unavailable),
)
async def undrain_relay_node(
    request: Request, principal: Annotated[Principal, may(Action.RELAY_DRAIN)], index: Index
) -> RelayNodeOut:
    """The node takes new lessons again; one that was released is started."""
    node = await _fleet(request).undrain(index)
    await run_in_threadpool(_note, request, principal, Act.RELAY_UNDRAINED, {"node": index})
    return RelayNodeOut.of(node)


def _note(request: Request, principal: Principal, act: Act, facts: Facts) -> None:
    with request.app.state.session_factory.begin() as session:
        session.info[CALLER_ADDRESS] = address_of(request)
        audit.note(session, act, principal.county_id, principal.person_id, after=facts)


def _fleet(request: Request) -> Fleet:
    coordinator: Coordinator | None = coordinator_of(request)
    if coordinator is None:
        raise Unavailable("relay.down", "Media relay not running", "No relay node has been started yet.")
    return coordinator.fleet

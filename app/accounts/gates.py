"""The gate of a route: who asks, and whether they may do such a thing at all.

    principal: Annotated[Principal, may(Action.ROOM_ADD)]

A gate looks at roles only; what the request is about is looked at by the service, through `permissions.require`.
The application does not start with a route that has neither a gate nor a line in `app.routes_without_gate`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from fastapi.dependencies.models import Dependant

from app.accounts.permissions import Action, require_somewhere
from app.accounts.rules import Principal
from app.accounts.service import current_principal


@dataclass(frozen=True, slots=True)
class Gate:
    """The dependency that lets through those who have an action in any of their roles."""

    action: Action

    def __call__(
        self, principal: Annotated[Principal, Depends(current_principal, scope="function")]
    ) -> Principal:
        """The signed-in person; raises `Unauthenticated` or `Forbidden`."""
        require_somewhere(principal, self.action)
        return principal


def may(action: Action) -> Any:
    """The gate as a parameter's dependency."""
    return Depends(Gate(action), scope="function")


def actions_of(dependant: Dependant) -> Iterator[Action]:
    """The actions a route asks for."""
    for each in dependant.dependencies:
        if isinstance(each.call, Gate):
            yield each.call.action
        yield from actions_of(each)

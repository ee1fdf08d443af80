"""What is handed out against a real TURN server: coturn lets in whom it should, and nobody else."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from aioice.stun import TransactionFailed
from aioice.turn import create_turn_endpoint

from app.live.schemas import IceServer
from app.live.turn import IceServers
from tests.coturn import Coturn, running_coturn
from tests.patience import PATIENCE


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with running_coturn(tmp_path_factory.mktemp("coturn")) as coturn:
        yield coturn


def handed_out(coturn: Coturn, *, minutes: float, secret: str | None = None) -> IceServer:
    """What somebody is given for so many minutes."""
    servers = IceServers((coturn.udp, coturn.tcp), coturn.secret if secret is None else secret)
    (server,) = servers.for_person(uuid.uuid4(), datetime.now(UTC) + timedelta(minutes=minutes))
    return server


async def allocate(coturn: Coturn, server: IceServer, transport: str) -> str:
    """Ask for a relayed address and give it back; raises `TransactionFailed` where coturn refuses."""
    ended = asyncio.Event()

    class Ended(asyncio.DatagramProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            ended.set()

    endpoint, _ = await create_turn_endpoint(
        Ended,
        server_addr=("127.0.0.1", coturn.port),
        username=server.username,
        password=server.credential,
        transport=transport,
    )
    host: str = endpoint.get_extra_info("sockname")[0]
    endpoint.close()
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    return host


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_coturn_takes_what_is_handed_out(coturn: Coturn, transport: str) -> None:
    server = handed_out(coturn, minutes=1)
    assert asyncio.run(allocate(coturn, server, transport)) == "127.0.0.1"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_coturn_refuses_what_has_run_out_or_was_not_handed_out(coturn: Coturn, transport: str) -> None:
    good = handed_out(coturn, minutes=1)
    assert good.username is not None
    longer = f"{int(time.time()) + 86_400}:{good.username.partition(':')[2]}"
    for server in (
        handed_out(coturn, minutes=-1),
        handed_out(coturn, minutes=1, secret="guessed"),
        good.model_copy(update={"username": longer}),
        good.model_copy(update={"credential": ""}),
    ):
        with pytest.raises(TransactionFailed, match="401"):
            asyncio.run(allocate(coturn, server, transport))

"""A WebSocket that says how many people read the article, as long as one of them listens."""

import json
import socket
from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, TextMessage
from wsproto.events import Request as Opening
from wsproto.utilities import RemoteProtocolError

from muniment.sample.second.account import Entry
from muniment.sample.second.answer import Request

__all__ = ["talk"]

_READERS: Final = (212, 213, 215)


def talk(connection: socket.socket, request: Request, rest: bytes, entry: Entry) -> None:
    """Open the WebSocket that *request* asks for, answer each greeting with the readers, and close when asked to.

    What follows the two heads is entered, frames and all. Says nothing by itself, so that the line can fall silent.
    """
    protocol = WSConnection(ConnectionType.SERVER)
    try:
        protocol.receive_data(request.head.raw)
        [opening] = [event for event in protocol.events() if isinstance(event, Opening)]
        connection.sendall(protocol.send(AcceptConnection(subprotocol=next(iter(opening.subprotocols), None))))
        octets = rest
        while True:
            entry.asked(octets)
            protocol.receive_data(octets)
            for event in protocol.events():
                said = b"".join(_said(protocol, event))
                entry.sent(said)
                connection.sendall(said)
                if isinstance(event, CloseConnection):
                    entry.end(whole=True)
                    return
            octets = connection.recv(65_536)
            if not octets:
                return
    except RemoteProtocolError:
        return  # what came before it is entered


def _said(protocol: WSConnection, event: object) -> list[bytes]:
    match event:
        case TextMessage(message_finished=True):
            return [protocol.send(TextMessage(json.dumps({"readers": number}))) for number in _READERS]
        case Ping() | CloseConnection():
            return [protocol.send(event.response())]
        case _:
            return []

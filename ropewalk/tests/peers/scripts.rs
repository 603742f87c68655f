//! The peers that are written in Python: a client and a server of each of its frameworks.
//! Each client sends its input whole, ends its direction, and prints the answer; each server
//! takes one client, prints what it hears to its end, and then answers with its input.

/// What all of them begin with: how an address is written, and a whole write.
pub const START: &str = "\
import os, socket, sys
family, kind, zero, host, at, own = sys.argv[1:]
def address(word):
    if family != 'AF_UNIX':
        return host, int(word)
    return '\\0' + word if zero == 'abstract' else word
def say(data):
    os.write(1, data) == len(data) or sys.exit('a pipe that takes half')
def print_all(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
def plain_socket():
    return socket.socket(getattr(socket, family), getattr(socket, kind))
";

pub const PYTHON_CLIENT: &str = "\
s = plain_socket()
s.settimeout(60)
if kind == 'SOCK_DGRAM':
    if family == 'AF_UNIX':
        s.bind(address(own))
    s.sendto(os.read(0, 65536), address(at))
    data, addr = s.recvfrom(65536)
    say(data)
else:
    s.connect(address(at))
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
s.close()
";

pub const PYTHON_SERVER: &str = "\
s = plain_socket()
s.settimeout(60)
s.bind(address(at))
if kind == 'SOCK_DGRAM':
    data, addr = s.recvfrom(65536)
    say(data)
    s.sendto(os.read(0, 65536), addr)
else:
    s.listen()
    c, addr = s.accept()
    while data := c.recv(65536):
        sys.stdout.buffer.write(data)
    sys.stdout.flush()
    c.sendall(sys.stdin.buffer.read())
    c.close()
s.close()
";

pub const ASYNCIO_CLIENT: &str = "\
import asyncio
class Asks(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()
    def datagram_received(self, data, addr):
        self.answer.set_result(data)
async def main():
    loop = asyncio.get_running_loop()
    if kind == 'SOCK_DGRAM':
        s = plain_socket()
        if family == 'AF_UNIX':
            s.bind(address(own))
        s.connect(address(at))
        transport, asks = await loop.create_datagram_endpoint(Asks, sock=s)
        transport.sendto(os.read(0, 65536))
        say(await asks.answer)
        transport.close()
        return
    if family == 'AF_UNIX':
        reader, writer = await asyncio.open_unix_connection(address(at))
    else:
        reader, writer = await asyncio.open_connection(*address(at))
    writer.write(sys.stdin.buffer.read())
    writer.write_eof()
    print_all(await reader.read())
    writer.close()
    await writer.wait_closed()
asyncio.run(asyncio.wait_for(main(), 60))
";

pub const ASYNCIO_SERVER: &str = "\
import asyncio
class Answers(asyncio.DatagramProtocol):
    def __init__(self):
        self.done = asyncio.get_running_loop().create_future()
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, addr):
        say(data)
        self.transport.sendto(os.read(0, 65536), addr)
        self.done.set_result(None)
async def main():
    loop = asyncio.get_running_loop()
    if kind == 'SOCK_DGRAM':
        s = plain_socket()
        s.bind(address(at))
        transport, answers = await loop.create_datagram_endpoint(Answers, sock=s)
        await answers.done
        transport.close()
        return
    done = loop.create_future()
    async def serve(reader, writer):
        print_all(await reader.read())
        writer.write(sys.stdin.buffer.read())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        done.set_result(None)
    if family == 'AF_UNIX':
        server = await asyncio.start_unix_server(serve, address(at))
    else:
        server = await asyncio.start_server(serve, *address(at))
    await done
    server.close()
asyncio.run(asyncio.wait_for(main(), 60))
";

pub const TWISTED_CLIENT: &str = "\
from twisted.internet import interfaces, protocol, reactor
from zope.interface import implementer
@implementer(interfaces.IHalfCloseableProtocol)
class Asks(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(sys.stdin.buffer.read())
        self.transport.loseWriteConnection()
    def dataReceived(self, data):
        sys.stdout.buffer.write(data)
    def readConnectionLost(self):
        self.transport.loseConnection()
    def writeConnectionLost(self):
        pass
    def connectionLost(self, reason):
        reactor.stop()
class AsksOnce(protocol.ConnectedDatagramProtocol):
    def startProtocol(self):
        data = os.read(0, 65536)
        self.transport.write(data)
    def datagramReceived(self, data, addr=None):
        say(data)
        reactor.stop()
class AsksByUdp(protocol.DatagramProtocol):
    def startProtocol(self):
        self.transport.write(os.read(0, 65536), address(at))
    def datagramReceived(self, data, addr):
        say(data)
        reactor.stop()
factory = protocol.ClientFactory.forProtocol(Asks)
if kind == 'SOCK_DGRAM' and family == 'AF_UNIX':
    reactor.connectUNIXDatagram(address(at), AsksOnce(), bindAddress=address(own))
elif kind == 'SOCK_DGRAM':
    reactor.listenUDP(0, AsksByUdp(), interface=host)
elif family == 'AF_UNIX':
    reactor.connectUNIX(address(at), factory)
else:
    reactor.connectTCP(host, int(at), factory)
reactor.callLater(60, reactor.stop)
reactor.run()
";

pub const TWISTED_SERVER: &str = "\
from twisted.internet import interfaces, protocol, reactor
from zope.interface import implementer
@implementer(interfaces.IHalfCloseableProtocol)
class Answers(protocol.Protocol):
    def dataReceived(self, data):
        sys.stdout.buffer.write(data)
    def readConnectionLost(self):
        sys.stdout.flush()
        self.transport.write(sys.stdin.buffer.read())
        self.transport.loseConnection()
    def writeConnectionLost(self):
        pass
    def connectionLost(self, reason):
        reactor.stop()
class AnswersOnce(protocol.DatagramProtocol):
    def datagramReceived(self, data, addr):
        say(data)
        self.transport.write(os.read(0, 65536), addr)
        reactor.callLater(0, reactor.stop)
factory = protocol.Factory.forProtocol(Answers)
if kind == 'SOCK_DGRAM' and family == 'AF_UNIX':
    reactor.listenUNIXDatagram(address(at), AnswersOnce())
elif kind == 'SOCK_DGRAM':
    reactor.listenUDP(int(at), AnswersOnce(), interface=host)
elif family == 'AF_UNIX':
    reactor.listenUNIX(address(at), factory)
else:
    reactor.listenTCP(int(at), factory, interface=host)
reactor.callLater(60, reactor.stop)
reactor.run()
";

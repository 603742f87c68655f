# The notes' server, but for two things: it listens on a port of the system's choice, which it
# prints, and it prints nothing else. The bytes come back as they are, as ours does it.
import sys
import threading
from time import ctime

from twisted.internet import protocol, reactor


class TSServProtocol(protocol.Protocol):
    def connectionMade(self):
        self.clnt = self.transport.getPeer().host

    def dataReceived(self, data):
        self.transport.write(b'[%s] %s' % (ctime().encode(), data))


factory = protocol.Factory()
factory.protocol = TSServProtocol
port = reactor.listenTCP(0, factory, interface='127.0.0.1')
print(port.getHost().port, flush=True)


def stop_at_the_end_of_input():
    sys.stdin.read()
    reactor.callFromThread(reactor.stop)


threading.Thread(target=stop_at_the_end_of_input, daemon=True).start()
reactor.run()

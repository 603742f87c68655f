from twisted.internet import protocol, reactor
from time import ctime

PORT = 21555

class TSServProtocol(protocol.Protocol):
    # 当客户端连接到服务器会执行
    def connectionMade(self):
        clnt = self.clnt = self.transport.getPeer().host
        print('...connected from:', clnt)

    # 服务器收到客户端通过网络发送的数据会执行
    def dataReceived(self, data):
        self.transport.write(('[%s] %s' % (ctime(), data)).encode())

factory = protocol.Factory()
factory.protocol = TSServProtocol
print('waiting for connection..')
reactor.listenTCP(PORT, factory)
reactor.run()

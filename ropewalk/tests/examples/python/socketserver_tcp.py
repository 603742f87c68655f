# The notes' TCPServer and StreamRequestHandler, on CPython's socketserver.
from socketserver import StreamRequestHandler, TCPServer
from time import ctime

class MyRequestHandler(StreamRequestHandler):
    def handle(self):
        print('...connected from:', self.client_address, flush=True)
        self.wfile.write(b'[%s] %s' % (ctime().encode(), self.rfile.readline()))

server = TCPServer(('127.0.0.1', 0), MyRequestHandler)
print('waiting for connection on %s:%d...' % server.server_address, flush=True)
server.serve_forever()

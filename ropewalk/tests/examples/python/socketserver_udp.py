# The notes' UDPServer and DatagramRequestHandler, on CPython's socketserver.
from socketserver import DatagramRequestHandler, UDPServer
from time import ctime

class MyRequestHandler(DatagramRequestHandler):
    def handle(self):
        print('...received from and returned to:', self.client_address, flush=True)
        self.wfile.write(b'[%s] %s' % (ctime().encode(), self.rfile.readline()))

server = UDPServer(('127.0.0.1', 0), MyRequestHandler)
print('waiting for message on %s:%d...' % server.server_address, flush=True)
server.serve_forever()

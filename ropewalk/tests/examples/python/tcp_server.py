# The notes' pseudo-code for a TCP server, made to run on CPython's socket module.
import sys
from socket import AF_INET, SOCK_STREAM, socket

ss = socket(AF_INET, SOCK_STREAM)
ss.bind(('127.0.0.1', 0))
ss.listen()
print('waiting for connection on %s:%d...' % ss.getsockname(), flush=True)
while True:
    cs, client = ss.accept()
    print('...connected from:', client, flush=True)
    while True:
        data = cs.recv(1024)
        if not data:
            break
        cs.send(data)
    cs.close()

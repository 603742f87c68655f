# The notes' pseudo-code for a UDP server, made to run on CPython's socket module.
from socket import AF_INET, SOCK_DGRAM, socket

ss = socket(AF_INET, SOCK_DGRAM)
ss.bind(('127.0.0.1', 0))
print('waiting for message on %s:%d...' % ss.getsockname(), flush=True)
while True:
    data, client = ss.recvfrom(1024)
    ss.sendto(data, client)
    print('...received from and returned to:', client, flush=True)

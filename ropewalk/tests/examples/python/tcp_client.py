# The notes' pseudo-code for a TCP client, made to run on CPython's socket module.
import sys
from socket import AF_INET, SOCK_STREAM, socket

host, port = sys.argv[1].rsplit(':', 1)
cs = socket(AF_INET, SOCK_STREAM)
cs.connect((host, int(port)))
while True:
    data = input('> ')
    if not data:
        break
    cs.send(data.encode())
    data = cs.recv(1024)
    if not data:
        break
    print(data.decode())
cs.close()

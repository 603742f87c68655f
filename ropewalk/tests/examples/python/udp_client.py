# The notes' pseudo-code for a UDP client, made to run on CPython's socket module.
import sys
from socket import AF_INET, SOCK_DGRAM, socket

host, port = sys.argv[1].rsplit(':', 1)
cs = socket(AF_INET, SOCK_DGRAM)
cs.settimeout(60)
while True:
    data = input('> ')
    if not data:
        break
    cs.sendto(data.encode(), (host, int(port)))
    data, server = cs.recvfrom(1024)
    print(data.decode())
cs.close()

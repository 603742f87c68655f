"""CPython's ThreadingTCPServer: `serve once|many`, or `stop TIMES CLIENTS`.

What it has from us: small answers leave at once, and a queue that a burst does not overflow.
"""

import socket
import socketserver
import sys
import threading
import time


class Echo(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        try:
            while data := self.request.recv(1024):
                self.request.sendall(data)
                if self.server.once:
                    return
        except ConnectionResetError:
            pass  # whoever has asked enough is gone without a word


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    daemon_threads = True
    once = False


def serve(manner):
    server = Server(("127.0.0.1", 0), Echo)
    server.once = manner == "once"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


def stop(times, clients):
    """From `shutdown()` until serve_forever returns, in nanoseconds, a line each."""
    for _ in range(int(times)):
        server = Server(("127.0.0.1", 0), Echo)
        ended = []

        def run():
            server.serve_forever()
            ended.append(time.perf_counter_ns())

        thread = threading.Thread(target=run)
        thread.start()
        connections = [socket.create_connection(server.server_address) for _ in range(int(clients))]
        for connection in connections:
            connection.sendall(b"x")
            connection.recv(1)
        began = time.perf_counter_ns()
        server.shutdown()
        thread.join()
        print(ended[0] - began, flush=True)
        for connection in connections:
            connection.close()
        server.server_close()


if __name__ == "__main__":
    {"serve": serve, "stop": stop}[sys.argv[1]](*sys.argv[2:])

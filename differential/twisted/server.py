"""Twisted's half: a reactor that is told, a line at a time, what its protocol is to do, and says
what that protocol saw. `src/twisted/theirs.rs` is at the other end of the lines.

    listen PROGRAM          answered by "port N"
    connect PORT PROGRAM    "connecting"
    act ACTIONS             on the connection; "acted"
    unlisten                no more connections; those that live go on; "unlistened"
    turns                   "turned", after the loop has gone round some times
    stop                    the reactor stops; then the process ends

A program is JSON: the actions of each callback, by its name. What is seen is "saw WORD".
"""

import json
import sys
import threading

from twisted.internet import defer, error, interfaces, protocol, reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

TURNS = 8
"""Rounds of the loop that pass before "turned"."""


class Meant(Exception):
    """The exception that a program raises."""


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def saw(word):
    say("saw " + word)


def word_for(reason):
    for kind, word in (
        (error.ConnectionDone, "Done"),
        (error.ConnectionAborted, "Aborted"),
        (error.ConnectionLost, "Lost"),
        (error.ConnectionRefusedError, "Refused"),
        (error.UserError, "Aborted"),
        (Meant, "Raised"),
    ):
        if reason.check(kind):
            return word
    return reason.type.__name__


@implementer(interfaces.IPushProducer)
class Push:
    """A producer that does nothing by itself, and says what it is told."""

    def pauseProducing(self):
        saw("pauseProducing")

    def resumeProducing(self):
        saw("resumeProducing")

    def stopProducing(self):
        saw("stopProducing")


@implementer(interfaces.IPullProducer)
class Pull:
    """Writes so much whenever it is asked, so often; then it is done, or silent."""

    def __init__(self, transport, size, times, silent):
        self.transport, self.size, self.times, self.silent = transport, size, times, silent

    def resumeProducing(self):
        if self.times == 0:
            return
        saw("resumeProducing")
        self.times -= 1
        self.transport.write(b"p" * self.size)
        if self.times == 0 and not self.silent:
            self.transport.unregisterProducer()

    def stopProducing(self):
        saw("stopProducing")


class Scripted(Protocol):
    """Does in each callback what the program says, and says that it was called."""

    def __init__(self, program):
        self.program = program
        self.answered = False

    def act(self, actions):
        for action in actions:
            verb, *words = action.split()
            getattr(self, "do_" + verb)(*words)

    def called(self, name):
        self.act(self.program.get(name, []))

    def connectionMade(self):
        self.current[:] = [self]
        saw("made")
        self.called("made")

    def dataReceived(self, data):
        saw("data %d" % len(data))
        if not self.answered:
            self.answered = True
            self.called("data")

    def connectionLost(self, reason):
        saw("lost %s" % word_for(reason))
        self.called("lost")

    def do_write(self, count):
        self.transport.write(b"w" * int(count))

    def do_close(self):
        self.transport.loseConnection()

    def do_abort(self):
        self.transport.abortConnection()

    def do_shutdown(self):
        self.transport.loseWriteConnection()

    def do_pause(self):
        self.transport.pauseProducing()

    def do_resume(self):
        self.transport.resumeProducing()

    def do_raise(self):
        raise Meant("it raises")

    def do_push(self):
        self.transport.registerProducer(Push(), True)

    def do_pull(self, size, times, silent=""):
        producer = Pull(self.transport, int(size), int(times), bool(silent))
        self.transport.registerProducer(producer, False)

    def do_unregister(self):
        self.transport.unregisterProducer()

    def do_stop(self):
        reactor.stop()


@implementer(interfaces.IHalfCloseableProtocol)
class HalfCloseable(Scripted):
    """The same, for a program that has something to do at the end of input."""

    def readConnectionLost(self):
        saw("readLost")
        self.called("eof")

    def writeConnectionLost(self):
        saw("writeLost")


def build(program):
    """A protocol, if the program's factory gives one."""
    for action in program.get("build", []):
        if action == "raise":
            raise Meant("it raises")
        if action == "none":
            return None
    return (HalfCloseable if "eof" in program else Scripted)(program)


class Server(Factory):
    noisy = False

    def __init__(self, program):
        self.program = program

    def buildProtocol(self, peer):
        return build(self.program)


class Client(protocol.ClientFactory):
    noisy = False

    def __init__(self, program):
        self.program = program
        self.again = int(program.get("reconnects", 0))

    def startedConnecting(self, connector):
        saw("started")
        self.connector = connector
        if "started" in self.program:
            connector.stopConnecting()

    def buildProtocol(self, peer):
        return build(self.program)

    def clientConnectionFailed(self, connector, reason):
        saw("failed %s" % word_for(reason))
        self.once_more(connector)

    def clientConnectionLost(self, connector, reason):
        saw("clientLost %s" % word_for(reason))
        self.once_more(connector)

    def once_more(self, connector):
        if self.again:
            self.again -= 1
            connector.connect()


class Commands:
    """What may be asked, a method each."""

    def __init__(self):
        self.port = None
        self.client = None

    def listen(self, program):
        self.port = reactor.listenTCP(0, Server(json.loads(program)), interface="127.0.0.1")
        say("port %d" % self.port.getHost().port)

    def connect(self, words):
        port, program = words.split(" ", 1)
        self.client = Client(json.loads(program))
        reactor.connectTCP("127.0.0.1", int(port), self.client)
        say("connecting")

    def act(self, actions):
        current = Scripted.current[0]
        try:
            current.act(json.loads(actions))
        except Meant:
            pass
        say("acted")

    @defer.inlineCallbacks
    def unlisten(self, _):
        if self.port is not None:
            port, self.port = self.port, None
            yield port.stopListening()
        say("unlistened")

    def turns(self, _, left=TURNS):
        if left:
            reactor.callLater(0, self.turns, _, left - 1)
        else:
            say("turned")

    def stop(self, _):
        reactor.stop()


def read_commands(commands):
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        reactor.callFromThread(getattr(commands, verb), rest)


def main():
    Scripted.current = []
    # Exceptions that a program raises are logged; nobody reads the log.
    globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False)
    threading.Thread(target=read_commands, args=(Commands(),), daemon=True).start()
    reactor.run()
    say("stopped")


if __name__ == "__main__":
    main()

# A transaction in plain JSON, against the endpoint that is given as argument: two states, a check, and one that fails.
# Prints every reply on a line of its own; what they must be is decided by transaction.test.ts.
import json
import sys

import zmq

sock = zmq.Context().socket(zmq.REQ)
sock.setsockopt(zmq.RCVTIMEO, 10_000)
sock.setsockopt(zmq.LINGER, 0)
sock.connect(sys.argv[1])


def step(payload):
    sock.send_json(payload)
    print(json.dumps(sock.recv_json()))


step({"cmd": "SET_KEY", "state": "alice", "key": "credit", "value": 100})
step({
    "cmd": "TRANSACTION",
    "request_id": 1,
    "ops": [
        {"check": {"state": "alice", "key": "credit", "version": 1}},
        {"cmd": "DECREMENT_KEY", "state": "alice", "key": "credit", "by": 30},
        {"cmd": "INCREMENT_KEY", "state": "bob", "key": "credit", "by": 30},
    ],
})
step({
    "cmd": "transaction",
    "ops": [
        {"cmd": "INCREMENT_KEY", "state": "bob", "key": "credit", "by": 30},
        {"check": {"state": "alice", "key": "credit", "version": 1}},
    ],
})
step([
    {"cmd": "TRANSACTION", "ops": [{"cmd": "INCREMENT_KEY", "state": "bob", "key": "credit", "by": 5}]},
    {"cmd": "GET_KEY", "state": "bob", "key": "credit"},
])

# The tutorial of the Simple State Engine, as its reader would type it, against the endpoint that is given as argument.
# Prints every reply on a line of its own, as JSON; what they must be is decided by tutorial.test.ts.
import json
import sys

import zmq

ctx = zmq.Context()
sock = ctx.socket(zmq.REQ)
sock.setsockopt(zmq.RCVTIMEO, 10_000)
sock.setsockopt(zmq.LINGER, 0)
sock.connect(sys.argv[1])


def call(payload):
    sock.send_json(payload)
    return sock.recv_json()


def step(payload):
    print(json.dumps(call(payload)))


# 3. Create a state
step({"cmd": "CREATE_STATE", "state": "leads", "max_length": 1000})
step({"cmd": "GET_SCHEMA", "state": "leads"})

# 4. Load data with SET_STATE
step({
    "cmd": "SET_STATE",
    "state": "leads",
    "data": [
        {"name": "Alice", "status": "open"},
        {"name": "Bob",   "status": "open"},
    ],
})
step({"cmd": "GET_SCHEMA", "state": "leads"})

# 5. Create a record
step({"cmd": "CREATE_RECORD", "state": "leads", "data": {"name": "Charlie", "status": "open"}})

# 6. Retrieve a record
step({"cmd": "GET_RECORD", "state": "leads", "id": 3})

# 7. Update a record, and one that does not fit
step({"cmd": "PATCH_RECORD", "state": "leads", "id": 3, "data": {"status": "closed"}})
step({"cmd": "PATCH_RECORD", "state": "leads", "id": 3, "data": {"priority": 1}})

# 8. Replace a record
step({"cmd": "SET_RECORD", "state": "leads", "id": 2, "data": {"id": 2, "name": "Bob", "status": "archived"}})

# 9. List all records
step({"cmd": "LIST_RECORDS", "state": "leads"})

# 10. Delete a record, and one that is not there
step({"cmd": "DELETE_RECORD", "state": "leads", "id": 1})
step({"cmd": "DELETE_RECORD", "state": "leads", "id": 1})
step({"cmd": "GET_RECORD", "state": "leads", "id": 1})

# 11. Use max_length to control the size of a state
step({"cmd": "CREATE_STATE", "state": "campaign", "max_length": 1500})
big_list = [{"name": f"lead {number}", "status": "open"} for number in range(1632)]
step({"cmd": "SET_STATE", "state": "campaign", "data": big_list})
step({"cmd": "CREATE_RECORD", "state": "campaign", "data": {"name": "One more", "status": "open"}})

# 12. Inspect a state; two more writes make it the one that the tutorial shows
step({"cmd": "GET_STATE_INFO", "state": "leads"})
step({"cmd": "CREATE_RECORD", "state": "leads", "data": {"name": "Dora", "status": "open"}})
step({"cmd": "PATCH_RECORD", "state": "leads", "id": "4", "data": {"status": "closed"}})
step({"cmd": "GET_STATE_INFO", "state": "leads"})

# The rest of the command reference
step({"cmd": "LIST_STATES"})
step({"cmd": "CREATE_STATE", "state": "leads"})
step({"cmd": "DELETE_STATE", "state": "campaign"})
step({"cmd": "GET_RECORD", "state": "campaign", "id": 1})
step({"cmd": "FORGET_STATE", "state": "leads"})

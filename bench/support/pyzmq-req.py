# A client as the seed's users have it: a REQ socket of pyzmq that sends one command as JSON, waits for the reply, and
# sends the next. Speaks with its benchmark as load-process.ts does.
import json
import sys
import time

import zmq

socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(sys.argv[1])


def closed_loop(seconds):
    cpu, started, operations = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        socket.send_json({"cmd": "GET_RECORD", "state": "leads", "id": operations % 1000 + 1})
        socket.recv_json()
        operations += 1
    elapsed = time.perf_counter() - started
    return {"operations": operations, "seconds": elapsed, "cpuSeconds": time.process_time() - cpu}


print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps(closed_loop(json.loads(line)["seconds"])), flush=True)

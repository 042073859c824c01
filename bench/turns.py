"""What the Python sides of the benchmark share: a side says what it can measure, then reads {"name", "options", "iterations"}
lines and answers {"seconds"} lines.
"""

import json
import sys
import time


def serve(version, makers):
    """`makers`: by the name of a case, what makes its body, which runs so many iterations, out of the options."""
    bodies = {}
    print(json.dumps({"version": version, "cases": list(makers)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name, options = request["name"], request["options"]
        key = json.dumps([name, options])
        if key not in bodies:
            bodies[key] = makers[name](**options)
        body = bodies[key]
        start = time.perf_counter()
        body(request["iterations"])
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


def repeated(body):
    """One iteration as so many."""

    def run(iterations):
        for _ in range(iterations):
            body()

    return run

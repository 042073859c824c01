"""What the Python sides of the benchmark share: a side says what it can measure, then reads {"name", "options", "iterations"}
lines and answers {"seconds"} lines, or an {"error"} after which it goes on.
"""

import json
import sys
import time
import traceback


def serve(version, makers):
    """`makers`: by the name of a case, what makes its body, which runs so many iterations, out of the options."""
    bodies = {}
    print(json.dumps({"version": version, "cases": list(makers)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        name, options = request["name"], request["options"]
        key = json.dumps([name, options])
        try:
            if key not in bodies:
                bodies[key] = makers[name](**options)
            start = time.perf_counter()
            bodies[key](request["iterations"])
            answer = {"seconds": time.perf_counter() - start}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


def repeated(body):
    """One iteration as so many."""

    def run(iterations):
        for _ in range(iterations):
            body()

    return run

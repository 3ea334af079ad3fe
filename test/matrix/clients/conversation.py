"""How a client program talks with the matrix: one line per step on standard output, questions answered on standard input."""
import os
import sys

env = os.environ
application = env["PGAPPNAME"]
port_a, port_b = int(env["MATRIX_PORT_A"]), int(env["MATRIX_PORT_B"])
other = env["MATRIX_OTHER"]


def say(line):
    print(line, flush=True)


def step(name, run):
    """Runs one step and says what became of it. A step that returns a string has no such thing in this client."""
    try:
        reason = run()
        say(f"step {name} ok" if reason is None else f"step {name} none {reason}")
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        say(f"step {name} fail {words}")


def ask(question):
    """Returns once the matrix has done what is asked for."""
    say(f"ask {question}")
    answer = sys.stdin.readline().strip()
    if answer != "done":
        raise RuntimeError(answer or "the matrix has gone")


def expect(found, wanted):
    if found != wanted:
        raise AssertionError(f"expected {wanted!r}, got {found!r}")

"""psycopg 3. Connection parameters come from libpq's own environment variables; parameters and statements are the server's."""
import threading

import psycopg
from conversation import application, ask, env, expect, other, port_a, port_b, say, step

say(f"version psycopg {psycopg.__version__}, libpq {psycopg.pq.version()}")


def connect(**more):
    return psycopg.connect("", autocommit=True, **more)


def one(connection, sql, values=None, prepare=None):
    return connection.execute(sql, values, prepare=prepare).fetchone()[0]


def server_port(connection):
    return one(connection, "SELECT inet_server_port()")


def elsewhere(**more):
    with connect(**more) as connection:
        expect(server_port(connection), port_b)


def wrong_password():
    if env["MATRIX_ASKS_PASSWORD"] == "no":
        return "nobody asks for one"
    try:
        connect(password="not this one").close()
    except psycopg.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return None
    raise AssertionError("a wrong password was accepted")


def transaction():
    with main.transaction(force_rollback=True):
        main.execute("INSERT INTO matrix_rows VALUES (%s, 1)", (application,))
    with main.transaction():
        main.execute("INSERT INTO matrix_rows VALUES (%s, 2)", (application,))
    expect(main.execute("SELECT n FROM matrix_rows WHERE who = %s", (application,)).fetchall(), [(2,)])


def error():
    try:
        one(main, "SELECT 1/0")
    except psycopg.errors.DivisionByZero:
        expect(one(main, "SELECT 1"), 1)
        return
    raise AssertionError("no error was reported")


def doubled(n):
    expect(one(main, "SELECT %s::int * 2", (n,), prepare=True), n * 2)


def prepared():
    for n in (1, 2, 3):
        doubled(n)
    expect(one(main, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%* 2'"), 1)
    if psycopg.pq.version() >= 140000:
        with main.pipeline():
            cursors = [main.execute("SELECT %s::int * 2", (n,), prepare=True) for n in range(20)]
        expect([cursor.fetchone()[0] for cursor in cursors], [n * 2 for n in range(20)])


def cancel():
    def later():
        ask("cancel")
        main.cancel()

    thread = threading.Thread(target=later)
    thread.start()
    try:
        one(main, "SELECT pg_sleep(30)")
    except psycopg.errors.QueryCanceled:
        expect(one(main, "SELECT 1"), 1)
        return
    finally:
        thread.join()
    raise AssertionError("the query was not cancelled")


def copy():
    who = f"{application}-copy"
    with main.cursor() as cursor:
        with cursor.copy("COPY matrix_rows FROM STDIN") as into:
            for n in range(1000):
                into.write_row((who, n))
        with cursor.copy("COPY (SELECT n FROM matrix_rows WHERE who = %s ORDER BY n) TO STDOUT", (who,)) as out:
            expect(b"".join(out), b"".join(b"%d\n" % n for n in range(1000)))


notes = []


def heard(payload):
    main.execute("SELECT pg_notify(%s, %s)", (application, payload))
    main.execute("SELECT 1")
    expect(notes, [payload])
    notes.clear()


def notify():
    main.add_notify_handler(lambda note: notes.append(note.payload))
    main.execute(f'LISTEN "{application}"')
    heard("before")


def migrate():
    expect(server_port(main), port_a)
    ask("migrate")
    expect(server_port(main), port_b)


def after():
    doubled(21)
    heard("after")


main = None


def connect_main():
    global main
    main = connect()


def close():
    main.close()


if env["MATRIX_MODE"] == "connect":
    step("connect", lambda: expect(server_port(connect()), port_a))
else:
    step("prefix", lambda: elsewhere(dbname=f"{other}/postgres"))
    step("options", lambda: elsewhere(dbname="postgres", options=f"endpoint={other}"))
    step("password", wrong_password)
    step("connect", connect_main)
    if main is not None:
        step("parameters", lambda: expect(one(main, "SELECT %s::int + %s::int", (40, 2)), 42))
        step("transaction", transaction)
        step("error", error)
        step("prepared", prepared)
        step("cancel", cancel)
        step("copy", copy)
        step("notify", notify)
        step("migrate", migrate)
        step("after", after)
        step("close", close)

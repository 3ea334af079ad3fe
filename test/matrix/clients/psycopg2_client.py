"""psycopg 2. Connection parameters come from libpq's own environment variables."""
import io
import select
import threading

import psycopg2
from conversation import application, ask, env, expect, other, port_a, port_b, say, step

say(f"version psycopg2 {psycopg2.__version__.split()[0]}, libpq {psycopg2.extensions.libpq_version()}")


def connect(**more):
    connection = psycopg2.connect("", **more)
    connection.autocommit = True
    return connection


def one(connection, sql, values=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def server_port(connection):
    return one(connection, "SELECT inet_server_port()")


def elsewhere(**more):
    connection = connect(**more)
    try:
        expect(server_port(connection), port_b)
    finally:
        connection.close()


def wrong_password():
    if env["MATRIX_ASKS_PASSWORD"] == "no":
        return "nobody asks for one"
    try:
        connect(password="not this one").close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" not in str(error):
            raise
        return None
    raise AssertionError("a wrong password was accepted")


def transaction():
    main.autocommit = False
    try:
        with main.cursor() as cursor:
            cursor.execute("INSERT INTO matrix_rows VALUES (%s, 1)", (application,))
            main.rollback()
            cursor.execute("INSERT INTO matrix_rows VALUES (%s, 2)", (application,))
            main.commit()
            cursor.execute("SELECT n FROM matrix_rows WHERE who = %s", (application,))
            expect(cursor.fetchall(), [(2,)])
            main.commit()
    finally:
        main.autocommit = True


def error():
    try:
        one(main, "SELECT 1/0")
    except psycopg2.errors.DivisionByZero:
        expect(one(main, "SELECT 1"), 1)
        return
    raise AssertionError("no error was reported")


def prepared():
    with main.cursor() as cursor:
        cursor.execute("PREPARE doubled (int) AS SELECT $1 * 2")
        for n in (1, 2, 3):
            cursor.execute("EXECUTE doubled (%s)", (n,))
            expect(cursor.fetchone(), (n * 2,))


def cancel():
    def later():
        ask("cancel")
        main.cancel()

    thread = threading.Thread(target=later)
    thread.start()
    try:
        one(main, "SELECT pg_sleep(30)")
    except psycopg2.errors.QueryCanceled:
        expect(one(main, "SELECT 1"), 1)
        return
    finally:
        thread.join()
    raise AssertionError("the query was not cancelled")


def copy():
    with main.cursor() as cursor:
        rows = "".join(f"{application}-copy\t{n}\n" for n in range(1000))
        cursor.copy_expert("COPY matrix_rows FROM STDIN", io.StringIO(rows))
        out = io.StringIO()
        cursor.copy_expert("COPY (SELECT * FROM matrix_rows WHERE who = '%s-copy' ORDER BY n) TO STDOUT" % application, out)
        expect(out.getvalue(), rows)


def heard(payload):
    with main.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", (application, payload))
    while not main.notifies:
        if select.select([main], [], [], 10)[0] == []:
            raise AssertionError("no notification came")
        main.poll()
    expect(main.notifies.pop().payload, payload)


def notify():
    with main.cursor() as cursor:
        cursor.execute(f'LISTEN "{application}"')
    heard("before")


def migrate():
    expect(server_port(main), port_a)
    ask("migrate")
    expect(server_port(main), port_b)


def after():
    with main.cursor() as cursor:
        cursor.execute("EXECUTE doubled (21)")
        expect(cursor.fetchone(), (42,))
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

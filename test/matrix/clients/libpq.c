/* libpq itself: extended protocol, pipeline, cancel, COPY, notifications. Connection parameters come from its environment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *main_connection;
static char failure[2048];

/* Notes why a step fails, on one line; returns 0 so that a step can end with it. */
static int fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(failure, sizeof failure, format, values);
  va_end(values);
  for (char *c = failure; *c != 0; c++)
    if (*c == '\n' || *c == '\t') *c = ' ';
  return 0;
}

/* 1: it went well, 0: it failed, -1: this client has no such thing. */
static int step(const char *name, int (*run)(void)) {
  int outcome = run();
  if (outcome == 1) printf("step %s ok\n", name);
  else printf("step %s %s %s\n", name, outcome == 0 ? "fail" : "none", failure);
  return outcome;
}

static int ask(const char *question) {
  char answer[2048];
  printf("ask %s\n", question);
  if (fgets(answer, sizeof answer, stdin) == NULL) return fail("the matrix has gone");
  return strcmp(answer, "done\n") == 0 ? 1 : fail("%s", answer);
}

static PGconn *open_connection(const char *name, const char *value) {
  const char *names[] = {"dbname", name, NULL};
  const char *values[] = {getenv("PGDATABASE"), value, NULL};
  if (name != NULL && strcmp(name, "dbname") == 0) values[0] = value;
  if (name != NULL && strcmp(name, "options") == 0) values[0] = "postgres";
  PGconn *connection = PQconnectdbParams(names, values, 0);
  if (PQstatus(connection) == CONNECTION_OK) return connection;
  fail("%s", PQerrorMessage(connection));
  PQfinish(connection);
  return NULL;
}

/* Runs SQL that answers one value, and compares it. */
static int expect(PGconn *connection, const char *sql, const char *wanted) {
  PGresult *result = PQexec(connection, sql);
  int well = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
  if (!well) fail("%s: %s", sql, PQerrorMessage(connection));
  else if (strcmp(PQgetvalue(result, 0, 0), wanted) != 0) well = fail("%s: expected %s, got %s", sql, wanted, PQgetvalue(result, 0, 0));
  PQclear(result);
  return well;
}

static int command(const char *sql) {
  PGresult *result = PQexec(main_connection, sql);
  ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 1 : fail("%s: %s", sql, PQerrorMessage(main_connection));
}

static int expect_error(PGresult *result, const char *state) {
  const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  int well = found != NULL && strcmp(found, state) == 0 ? 1 : fail("expected %s, got %s", state, found == NULL ? "no error" : found);
  PQclear(result);
  return well;
}

static int visit(PGconn *connection, const char *port) {
  if (connection == NULL) return 0;
  int well = expect(connection, "SELECT inet_server_port()", port);
  PQfinish(connection);
  return well;
}

static int step_prefix(void) {
  char database[256];
  snprintf(database, sizeof database, "%s/postgres", getenv("MATRIX_OTHER"));
  return visit(open_connection("dbname", database), getenv("MATRIX_PORT_B"));
}

static int step_options(void) {
  char options[256];
  snprintf(options, sizeof options, "endpoint=%s", getenv("MATRIX_OTHER"));
  return visit(open_connection("options", options), getenv("MATRIX_PORT_B"));
}

static int step_password(void) {
  if (strcmp(getenv("MATRIX_ASKS_PASSWORD"), "no") == 0) {
    fail("nobody asks for one");
    return -1;
  }
  PGconn *connection = open_connection("password", "not this one");
  if (connection == NULL) return strstr(failure, "password authentication failed") != NULL;
  PQfinish(connection);
  return fail("a wrong password was accepted");
}

static int step_connect(void) {
  main_connection = open_connection(NULL, NULL);
  return main_connection != NULL;
}

static int step_connect_only(void) { return visit(open_connection(NULL, NULL), getenv("MATRIX_PORT_A")); }

static int two_values(PGresult *result, const char *wanted) {
  int well = PQresultStatus(result) == PGRES_TUPLES_OK && strcmp(PQgetvalue(result, 0, 0), wanted) == 0;
  if (!well) fail("expected %s: %s", wanted, PQerrorMessage(main_connection));
  PQclear(result);
  return well;
}

static int step_parameters(void) {
  const char *values[] = {"40", "2"};
  return two_values(PQexecParams(main_connection, "SELECT $1::int + $2::int", 2, NULL, values, NULL, NULL, 0), "42");
}

static int insert(const char *n) {
  const char *values[] = {getenv("PGAPPNAME"), n};
  PGresult *result = PQexecParams(main_connection, "INSERT INTO matrix_rows VALUES ($1, $2)", 2, NULL, values, NULL, NULL, 0);
  int well = PQresultStatus(result) == PGRES_COMMAND_OK ? 1 : fail("%s", PQerrorMessage(main_connection));
  PQclear(result);
  return well;
}

static int step_transaction(void) {
  char sql[256];
  snprintf(sql, sizeof sql, "SELECT sum(n) FROM matrix_rows WHERE who = '%s'", getenv("PGAPPNAME"));
  return command("BEGIN") && insert("1") && command("ROLLBACK") && command("BEGIN") && insert("2") && command("COMMIT") &&
         expect(main_connection, sql, "2");
}

static int step_error(void) {
  return expect_error(PQexec(main_connection, "SELECT 1/0"), "22012") && expect(main_connection, "SELECT 1", "1");
}

static int doubled(const char *n, const char *wanted) {
  const char *values[] = {n};
  return two_values(PQexecPrepared(main_connection, "doubled", 1, values, NULL, NULL, 0), wanted);
}

/* Three statements in flight at once, the second of which fails. */
static int pipeline(void) {
  const char *values[] = {"5"};
  int well = PQenterPipelineMode(main_connection) && PQsendQueryPrepared(main_connection, "doubled", 1, values, NULL, NULL, 0) &&
             PQpipelineSync(main_connection) && PQsendQueryParams(main_connection, "SELECT 1/0", 0, NULL, NULL, NULL, NULL, 0) &&
             PQpipelineSync(main_connection) && PQsendQueryPrepared(main_connection, "doubled", 1, values, NULL, NULL, 0) &&
             PQpipelineSync(main_connection);
  char seen[8] = "";
  for (int syncs = 0; well && syncs < 3;) {
    PGresult *result = PQgetResult(main_connection);
    if (result == NULL) {
      result = PQgetResult(main_connection);
      if (result == NULL) return fail("the pipeline ended early: %s", PQerrorMessage(main_connection));
    }
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) syncs++;
    else strcat(seen, status == PGRES_TUPLES_OK ? "t" : status == PGRES_FATAL_ERROR ? "e" : "?");
    PQclear(result);
  }
  if (!PQexitPipelineMode(main_connection)) return fail("%s", PQerrorMessage(main_connection));
  return well && strcmp(seen, "tet") == 0 ? 1 : fail("expected a row, an error and a row, got \"%s\"", seen);
}

static int step_prepared(void) {
  PGresult *result = PQprepare(main_connection, "doubled", "SELECT $1::int * 2", 0, NULL);
  int well = PQresultStatus(result) == PGRES_COMMAND_OK ? 1 : fail("%s", PQerrorMessage(main_connection));
  PQclear(result);
  return well && doubled("1", "2") && doubled("2", "4") && doubled("3", "6") && pipeline();
}

/* libpq 17 and newer cancel over a connection like the session's own, TLS included; older ones always in clear. */
static int send_cancel(void) {
  void *(*create)(PGconn *) = (void *(*)(PGconn *))dlsym(RTLD_DEFAULT, "PQcancelCreate");
  int (*blocking)(void *) = (int (*)(void *))dlsym(RTLD_DEFAULT, "PQcancelBlocking");
  char *(*message)(void *) = (char *(*)(void *))dlsym(RTLD_DEFAULT, "PQcancelErrorMessage");
  void (*finish)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "PQcancelFinish");
  if (create != NULL && blocking != NULL && message != NULL && finish != NULL) {
    void *cancel = create(main_connection);
    int sent = blocking(cancel) ? 1 : fail("%s", message(cancel));
    finish(cancel);
    return sent;
  }
  char words[256];
  PGcancel *cancel = PQgetCancel(main_connection);
  int sent = PQcancel(cancel, words, sizeof words) ? 1 : fail("%s", words);
  PQfreeCancel(cancel);
  return sent;
}

static int step_cancel(void) {
  if (!PQsendQuery(main_connection, "SELECT pg_sleep(30)") || PQflush(main_connection) != 0) return fail("%s", PQerrorMessage(main_connection));
  if (!ask("cancel")) return 0;
  if (!send_cancel()) return 0;
  PGresult *result = PQgetResult(main_connection);
  int well = expect_error(result, "57014");
  while ((result = PQgetResult(main_connection)) != NULL) PQclear(result);
  return well && expect(main_connection, "SELECT 1", "1");
}

static int copy_in(const char *who) {
  PGresult *result = PQexec(main_connection, "COPY matrix_rows FROM STDIN");
  ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  if (status != PGRES_COPY_IN) return fail("%s", PQerrorMessage(main_connection));
  for (int n = 0; n < 1000; n++) {
    char row[256];
    int length = snprintf(row, sizeof row, "%s\t%d\n", who, n);
    if (PQputCopyData(main_connection, row, length) != 1) return fail("%s", PQerrorMessage(main_connection));
  }
  if (PQputCopyEnd(main_connection, NULL) != 1) return fail("%s", PQerrorMessage(main_connection));
  while ((result = PQgetResult(main_connection)) != NULL) {
    status = PQresultStatus(result);
    PQclear(result);
  }
  return status == PGRES_COMMAND_OK ? 1 : fail("%s", PQerrorMessage(main_connection));
}

static int step_copy(void) {
  char who[128], sql[512];
  snprintf(who, sizeof who, "%s-copy", getenv("PGAPPNAME"));
  if (!copy_in(who)) return 0;
  snprintf(sql, sizeof sql, "COPY (SELECT n FROM matrix_rows WHERE who = '%s' ORDER BY n) TO STDOUT", who);
  PQclear(PQexec(main_connection, sql));
  char *row;
  int rows = 0, ordered = 1;
  while (PQgetCopyData(main_connection, &row, 0) > 0) {
    ordered = ordered && atoi(row) == rows++;
    PQfreemem(row);
  }
  for (PGresult *result; (result = PQgetResult(main_connection)) != NULL;) PQclear(result);
  return rows == 1000 && ordered ? 1 : fail("%d rows came back", rows);
}

static int heard(const char *payload) {
  char sql[256];
  snprintf(sql, sizeof sql, "NOTIFY \"%s\", '%s'", getenv("PGAPPNAME"), payload);
  if (!command(sql)) return 0;
  PGnotify *note;
  while ((note = PQnotifies(main_connection)) == NULL) {
    struct pollfd waiting = {PQsocket(main_connection), POLLIN, 0};
    if (poll(&waiting, 1, 10000) <= 0) return fail("no notification came");
    PQconsumeInput(main_connection);
  }
  int well = strcmp(note->extra, payload) == 0 ? 1 : fail("expected %s, got %s", payload, note->extra);
  PQfreemem(note);
  return well;
}

static int step_notify(void) {
  char sql[256];
  snprintf(sql, sizeof sql, "LISTEN \"%s\"", getenv("PGAPPNAME"));
  return command(sql) && heard("before");
}

static int step_migrate(void) {
  return expect(main_connection, "SELECT inet_server_port()", getenv("MATRIX_PORT_A")) && ask("migrate") &&
         expect(main_connection, "SELECT inet_server_port()", getenv("MATRIX_PORT_B"));
}

static int step_after(void) { return doubled("21", "42") && pipeline() && heard("after"); }

static int step_close(void) {
  PQfinish(main_connection);
  return 1;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("version libpq %d\n", PQlibVersion());
  if (strcmp(getenv("MATRIX_MODE"), "connect") == 0) {
    step("connect", step_connect_only);
    return 0;
  }
  step("prefix", step_prefix);
  step("options", step_options);
  step("password", step_password);
  if (step("connect", step_connect) != 1) return 0;
  step("parameters", step_parameters);
  step("transaction", step_transaction);
  step("error", step_error);
  step("prepared", step_prepared);
  step("cancel", step_cancel);
  step("copy", step_copy);
  step("notify", step_notify);
  step("migrate", step_migrate);
  step("after", step_after);
  step("close", step_close);
  return 0;
}

// JDBC. Connection parameters come from the environment variables that libpq reads, turned into the driver's properties.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGStatement;

class JdbcClient {
  interface Step {
    /** Returns why this client has no such thing; null when the step went well. */
    String run() throws Exception;
  }

  static final BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  static final String application = env("PGAPPNAME");
  static final int portA = Integer.parseInt(env("MATRIX_PORT_A"));
  static final int portB = Integer.parseInt(env("MATRIX_PORT_B"));
  static Connection main;
  static PreparedStatement doubled;

  static String env(String name) {
    String value = System.getenv(name);
    return value == null ? "" : value;
  }

  static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  static void step(String name, Step step) {
    try {
      String reason = step.run();
      say("step " + name + (reason == null ? " ok" : " none " + reason));
    } catch (Throwable failure) {
      String state = failure instanceof SQLException sql && sql.getSQLState() != null ? " [" + sql.getSQLState() + "]" : "";
      say(("step " + name + " fail " + failure + state).replaceAll("\\s+", " "));
    }
  }

  static void ask(String question) throws Exception {
    say("ask " + question);
    String answer = answers.readLine();
    if (!"done".equals(answer)) throw new IllegalStateException(answer == null ? "the matrix has gone" : answer);
  }

  static void expect(Object found, Object wanted) {
    if (!wanted.equals(found)) throw new AssertionError("expected " + wanted + ", got " + found);
  }

  static Connection open(String database, String password, String options) throws Exception {
    Properties properties = new Properties();
    properties.setProperty("user", env("PGUSER"));
    if (!password.isEmpty()) properties.setProperty("password", password);
    properties.setProperty("ApplicationName", application);
    properties.setProperty("sslmode", env("PGSSLMODE"));
    if (!env("PGSSLROOTCERT").isEmpty()) properties.setProperty("sslrootcert", env("PGSSLROOTCERT"));
    // Without it the driver looks for a client certificate in the home folder.
    properties.setProperty("sslcert", "");
    properties.setProperty("sslkey", "");
    if (!options.isEmpty()) properties.setProperty("options", options);
    // From the first execution on, a statement is a named one of the server.
    properties.setProperty("prepareThreshold", "1");
    properties.setProperty("loginTimeout", "20");
    String name = URLEncoder.encode(database, StandardCharsets.UTF_8);
    return DriverManager.getConnection("jdbc:postgresql://" + env("PGHOST") + ":" + env("PGPORT") + "/" + name, properties);
  }

  static int one(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
      rows.next();
      return rows.getInt(1);
    }
  }

  static int serverPort(Connection connection) throws SQLException {
    return one(connection, "SELECT inet_server_port()");
  }

  static String elsewhere(String database, String options) throws Exception {
    try (Connection connection = open(database, env("PGPASSWORD"), options)) {
      expect(serverPort(connection), portB);
    }
    return null;
  }

  static String wrongPassword() throws Exception {
    if (env("MATRIX_ASKS_PASSWORD").equals("no")) return "nobody asks for one";
    try (Connection connection = open(env("PGDATABASE"), "not this one", "")) {
      throw new AssertionError("a wrong password was accepted");
    } catch (SQLException error) {
      expect(error.getSQLState(), "28P01");
    }
    return null;
  }

  static void insert(int n) throws SQLException {
    try (PreparedStatement statement = main.prepareStatement("INSERT INTO matrix_rows VALUES (?, ?)")) {
      statement.setString(1, application);
      statement.setInt(2, n);
      statement.executeUpdate();
    }
  }

  static String parameters() throws SQLException {
    try (PreparedStatement statement = main.prepareStatement("SELECT ?::int + ?::int")) {
      statement.setInt(1, 40);
      statement.setInt(2, 2);
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        expect(rows.getInt(1), 42);
      }
    }
    return null;
  }

  static String transaction() throws SQLException {
    main.setAutoCommit(false);
    try {
      insert(1);
      main.rollback();
      insert(2);
      main.commit();
    } finally {
      main.setAutoCommit(true);
    }
    expect(one(main, "SELECT sum(n)::int FROM matrix_rows WHERE who = '" + application + "'"), 2);
    return null;
  }

  static String error() throws SQLException {
    try {
      one(main, "SELECT 1/0");
    } catch (SQLException error) {
      expect(error.getSQLState(), "22012");
      expect(one(main, "SELECT 1"), 1);
      return null;
    }
    throw new AssertionError("no error was reported");
  }

  static void doubled(int n) throws SQLException {
    doubled.setInt(1, n);
    try (ResultSet rows = doubled.executeQuery()) {
      rows.next();
      expect(rows.getInt(1), n * 2);
    }
  }

  static String prepared() throws SQLException {
    doubled = main.prepareStatement("SELECT ?::int * 2");
    for (int n = 1; n <= 7; n++) doubled(n);
    expect(doubled.unwrap(PGStatement.class).isUseServerPrepare(), true);
    return null;
  }

  static String cancel() throws Exception {
    try (Statement statement = main.createStatement()) {
      Thread later = new Thread(() -> {
        try {
          ask("cancel");
          statement.cancel();
        } catch (Exception failure) {
          say("note the cancel request failed: " + failure);
        }
      });
      later.start();
      try {
        statement.execute("SELECT pg_sleep(30)");
      } catch (SQLException error) {
        expect(error.getSQLState(), "57014");
        later.join();
        expect(one(main, "SELECT 1"), 1);
        return null;
      }
      throw new AssertionError("the query was not cancelled");
    }
  }

  static String copy() throws Exception {
    StringBuilder rows = new StringBuilder();
    for (int n = 0; n < 1000; n++) rows.append(application).append("-copy\t").append(n).append('\n');
    var copying = main.unwrap(PGConnection.class).getCopyAPI();
    expect(copying.copyIn("COPY matrix_rows FROM STDIN", new StringReader(rows.toString())), 1000L);
    StringWriter out = new StringWriter();
    copying.copyOut("COPY (SELECT * FROM matrix_rows WHERE who = '" + application + "-copy' ORDER BY n) TO STDOUT", out);
    expect(out.toString(), rows.toString());
    return null;
  }

  static void heard(String payload) throws SQLException {
    try (Statement statement = main.createStatement()) {
      statement.execute("NOTIFY \"" + application + "\", '" + payload + "'");
    }
    PGNotification[] notes = main.unwrap(PGConnection.class).getNotifications(10_000);
    if (notes == null || notes.length == 0) throw new AssertionError("no notification came");
    expect(notes[0].getParameter(), payload);
  }

  static String hear() throws SQLException {
    try (Statement statement = main.createStatement()) {
      statement.execute("LISTEN \"" + application + "\"");
    }
    heard("before");
    return null;
  }

  static String migrate() throws Exception {
    expect(serverPort(main), portA);
    ask("migrate");
    expect(serverPort(main), portB);
    return null;
  }

  public static void main(String[] words) throws Exception {
    say("version pgJDBC " + org.postgresql.util.DriverInfo.DRIVER_VERSION + ", Java " + System.getProperty("java.version"));
    String database = env("PGDATABASE");
    String other = env("MATRIX_OTHER");
    if (env("MATRIX_MODE").equals("connect")) {
      step("connect", () -> {
        try (Connection connection = open(database, env("PGPASSWORD"), "")) {
          expect(serverPort(connection), portA);
        }
        return null;
      });
      return;
    }
    step("prefix", () -> elsewhere(other + "/postgres", ""));
    step("options", () -> elsewhere("postgres", "endpoint=" + other));
    step("password", JdbcClient::wrongPassword);
    step("connect", () -> {
      main = open(database, env("PGPASSWORD"), "");
      return null;
    });
    if (main == null) return;
    step("parameters", JdbcClient::parameters);
    step("transaction", JdbcClient::transaction);
    step("error", JdbcClient::error);
    step("prepared", JdbcClient::prepared);
    step("cancel", JdbcClient::cancel);
    step("copy", JdbcClient::copy);
    step("notify", JdbcClient::hear);
    step("migrate", JdbcClient::migrate);
    step("after", () -> {
      doubled(21);
      heard("after");
      return null;
    });
    step("close", () -> {
      main.close();
      return null;
    });
  }
}

/** What the servers hold before the first session: the same on all of them. */
import type pg from 'pg';

/** Roles, functions and tables that all sessions share; the rest of the database is made per batch by `freshSchemas`. */
export const FIXTURE = `
CREATE ROLE alice; CREATE ROLE bob LOGIN;
CREATE SCHEMA x1; CREATE TABLE x1.who(label text); INSERT INTO x1.who VALUES ('first');
CREATE SCHEMA x2; CREATE TABLE x2.who(label text); INSERT INTO x2.who VALUES ('second');
GRANT USAGE ON SCHEMA x1, x2 TO PUBLIC; GRANT SELECT ON x1.who, x2.who TO PUBLIC;
CREATE FUNCTION sets_tenant(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN set_config('app.tenant', $1, false); END $$;
CREATE FUNCTION sets_locally(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN set_config('app.tenant', $1, true); END $$;
CREATE FUNCTION harmless(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION in_german() RETURNS text LANGUAGE sql SET DateStyle = 'German' AS $$ SELECT '2024-02-01'::date::text $$;
CREATE FUNCTION takes_lock(bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock($1); END $$;
CREATE FUNCTION says(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'it says %', $1; RAISE WARNING 'and warns'; RETURN $1; END $$;
CREATE FUNCTION on_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.v LIKE 'tenant %' THEN PERFORM set_config('app.tenant', NEW.v, false); END IF;
  RETURN NEW;
END $$;
CREATE PROCEDURE fresh_schemas(schemas int) LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL client_min_messages = warning;
  FOR n IN 0 .. schemas - 1 LOOP
    EXECUTE format('DROP SCHEMA IF EXISTS s%1$s CASCADE; CREATE SCHEMA s%1$s; GRANT ALL ON SCHEMA s%1$s TO PUBLIC;
      CREATE TABLE s%1$s.t(id serial PRIMARY KEY, v text NOT NULL); GRANT ALL ON s%1$s.t, s%1$s.t_id_seq TO PUBLIC;
      CREATE TRIGGER on_write BEFORE INSERT OR UPDATE ON s%1$s.t FOR EACH ROW EXECUTE FUNCTION public.on_write()', n);
  END LOOP;
END $$;
`;

/** The database of the suite, on every server. */
export const DATABASE = 'diff';

/** Gives each session of a batch its schema anew. Waits for transactions that are still being rolled back. */
export async function freshSchemas(admin: pg.Client, sessions: number): Promise<void> {
  await admin.query(`CALL fresh_schemas(${sessions})`);
}

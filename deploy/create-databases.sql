-- Databases and roles of an installation. A superuser of the server (PostgreSQL 17 or newer) runs
-- this once with psql. Then every role that logs in gets its password, before anything starts:
-- \password airflow, edi834, edi834_app, edi834_console_login. docs/how-to/deploy.md has the rest.

-- Airflow has a database and a role of its own, and never sees ours (docs/decisions/0004).
CREATE ROLE airflow LOGIN;
CREATE DATABASE airflow OWNER airflow TEMPLATE template0 ENCODING 'UTF8';
REVOKE CONNECT ON DATABASE airflow FROM PUBLIC;

-- The owner of ours makes and upgrades the tables, takes backups, restores, and replays: a replay
-- has a database of its own. Texts sort by their bytes, as in the embedded server.
CREATE ROLE edi834 LOGIN CREATEDB;
CREATE DATABASE edi834 OWNER edi834 TEMPLATE template0 ENCODING 'UTF8'
  LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE edi834 FROM PUBLIC;

-- The nights' role, and the console's with a login that has it. What they may do is granted by
-- docs/application_role.sql and console/database_role.sql, once there are tables.
CREATE ROLE edi834_app LOGIN;
CREATE ROLE edi834_console NOLOGIN;
CREATE ROLE edi834_console_login LOGIN;
GRANT edi834_console TO edi834_console_login, edi834;
GRANT CONNECT ON DATABASE edi834 TO edi834_app, edi834_console;
